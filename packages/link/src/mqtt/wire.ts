import { deflateRawSync, inflateRawSync } from 'node:zlib'
import type { Assignment, NodeHello, StatusReport, StreamRequest } from '../link.ts'
import type { DownMessage, UpMessage } from '../protocol.ts'
import type { DownType, UpType } from './topics.ts'

// A message's type is in its topic, the rest is JSON: as text, or deflated behind one byte when that is shorter.

/** Largest message on the wire, in bytes. Downwards it must hold all that a node shall know. */
export const UP_BYTES_MAX = 4 * 2 ** 20
export const DOWN_BYTES_MAX = 16 * 2 ** 20
/** How much larger a message may be as JSON text: a few bytes must not inflate to more than memory holds. */
const INFLATION_MAX = 8

const DEFLATE_FROM_BYTES = 1024
/** First byte of a deflated message; no JSON text starts with it. */
const DEFLATED = 1

/** @throws RangeError when the message is too large. */
export const encodeUp = (message: UpMessage): Buffer => encode(message, UP_BYTES_MAX)
/** @throws RangeError when the message is too large. */
export const encodeDown = (message: DownMessage): Buffer => encode(message, DOWN_BYTES_MAX)

/** @throws Error when the payload is not a well-formed message of this type. What reports contain is the reader's to check. */
export function decodeUp(type: UpType, payload: Uint8Array): UpMessage {
  const fields = decode(payload, UP_BYTES_MAX)
  const session = text(fields, 'session')
  switch (type) {
    case 'hello':
      return { type, session, hello: toHello(fields['hello']) }
    case 'report':
      return { type, session, batch: number(fields, 'batch'), reports: list(fields, 'reports').flatMap(toReports) }
    case 'resync':
      return { type, session, batch: number(fields, 'batch') }
    case 'got':
      return { type, session, channel: oneOf(fields, 'channel', ['assign', 'stream']), through: number(fields, 'through') }
    case 'bye':
      return { type, session, why: oneOf(fields, 'why', ['goodbye', 'lost']) }
  }
}

/** @throws Error when the payload is not a well-formed message of this type. */
export function decodeDown(type: DownType, payload: Uint8Array): DownMessage {
  const fields = decode(payload, DOWN_BYTES_MAX)
  const session = text(fields, 'session')
  switch (type) {
    case 'welcome':
      return { type, session, ...timeField(fields) }
    case 'assign':
      return { type, session, number: number(fields, 'number'), item: toAssignment(fields['item']) }
    case 'stream':
      return { type, session, number: number(fields, 'number'), item: toStreamRequest(fields['item']) }
    case 'taken':
      return { type, session, batch: number(fields, 'batch'), taken: fields['taken'] === true, ...timeField(fields) }
    case 'end':
      return { type, session, reason: text(fields, 'reason') }
  }
}

function encode({ type, ...fields }: UpMessage | DownMessage, bytesMax: number): Buffer {
  const plain = Buffer.from(JSON.stringify(fields))
  const payload = plain.length < DEFLATE_FROM_BYTES ? plain : Buffer.concat([Buffer.of(DEFLATED), deflateRawSync(plain)])
  if (payload.length > bytesMax || plain.length > bytesMax * INFLATION_MAX)
    throw new RangeError(`a "${type}" message of ${plain.length} bytes is larger than the link carries (${bytesMax} bytes deflated)`)
  return payload
}

function decode(payload: Uint8Array, bytesMax: number): Fields {
  if (payload.length > bytesMax) throw new RangeError(`${payload.length} bytes are too many`)
  const plain = payload[0] === DEFLATED ? inflateRawSync(payload.subarray(1), { maxOutputLength: bytesMax * INFLATION_MAX }) : payload
  return record(JSON.parse(Buffer.from(plain.buffer, plain.byteOffset, plain.byteLength).toString()), 'the message')
}

type Fields = Readonly<Record<string, unknown>>

/** What is no time is none: a clock matters less than a link. */
const timeField = ({ timeMs }: Fields): { readonly timeMs?: number } =>
  Number.isSafeInteger(timeMs) && (timeMs as number) > 0 ? { timeMs: timeMs as number } : {}

function toHello(value: unknown): NodeHello {
  const hello = record(value, 'hello')
  const agentVersion = text(hello, 'agentVersion')
  return hello['have'] === undefined ? { agentVersion } : { agentVersion, have: text(hello, 'have') }
}

const REPORT_FIELDS: Readonly<Record<StatusReport['type'], (report: Fields) => unknown>> = {
  'pod-status': (report) => [text(report, 'namespace'), text(report, 'name'), text(report, 'uid'), record(report['status'], 'status')],
  'pod-gone': (report) => [text(report, 'namespace'), text(report, 'name'), text(report, 'uid')],
  'node-status': (report) => [
    record(report['labels'], 'labels'),
    record(report['annotations'], 'annotations'),
    record(report['status'], 'status'),
  ],
  'node-usage': (report) => [
    amount(report, 'atMs'),
    amount(report, 'windowMs'),
    amount(report, 'cpuMillis'),
    amount(report, 'memoryBytes'),
  ],
  'pod-usage': (report) => [
    text(report, 'namespace'),
    text(report, 'name'),
    text(report, 'uid'),
    amount(report, 'windowMs'),
    list(report, 'containers').map((item) => {
      const container = record(item, 'a container')
      return [text(container, 'name'), amount(container, 'cpuMillis'), amount(container, 'memoryBytes')]
    }),
  ],
  'mirror-pod': (report) => {
    const pod = record(report['pod'], 'pod')
    const metadata = record(pod['metadata'], 'pod.metadata')
    return [text(metadata, 'name'), text(metadata, 'namespace'), record(pod['spec'], 'pod.spec')]
  },
  'volume-gone': (report) => [text(report, 'name'), text(report, 'uid')],
  'volume-failed': (report) => [text(report, 'name'), text(report, 'uid'), text(report, 'message')],
  'csi-drivers': (report) =>
    list(report, 'drivers').map((item) => {
      const driver = record(item, 'a driver')
      return [text(driver, 'name'), text(driver, 'nodeId'), list(driver, 'topologyKeys')]
    }),
  event: (report) => {
    const metadata = record(record(report['event'], 'event')['metadata'], 'event.metadata')
    return [
      text(metadata, 'name'),
      text(metadata, 'namespace'),
      record(record(report['event'], 'event')['involvedObject'], 'event.involvedObject'),
    ]
  },
}

/** None of a type that only newer agents know: the rest of what they say counts. */
function toReports(value: unknown): readonly StatusReport[] {
  const report = record(value, 'a report')
  const type = text(report, 'type')
  if (!Object.hasOwn(REPORT_FIELDS, type)) return []
  REPORT_FIELDS[type as StatusReport['type']](report)
  return [report as unknown as StatusReport]
}

function toAssignment(value: unknown): Assignment {
  const assignment = record(value, 'the assignment')
  text(assignment, 'version')
  if (oneOf(assignment, 'type', ['complete', 'incremental']) === 'complete') for (const object of list(assignment, 'objects')) named(object)
  else {
    text(assignment, 'after')
    for (const object of list(assignment, 'upserts')) named(object)
    for (const removal of list(assignment, 'removals')) text(record(removal, 'a removal'), 'name')
  }
  return assignment as unknown as Assignment
}

function named(object: unknown): void {
  text(record(object, 'an object'), 'kind')
  text(record(record(object, 'an object')['metadata'], 'metadata'), 'name')
}

const toStreamRequest = (value: unknown): StreamRequest => ({ id: text(record(value, 'the stream request'), 'id') })

function record(value: unknown, what: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new TypeError(`${what} is not an object`)
  return value as Fields
}
function list(fields: Fields, name: string): readonly unknown[] {
  const value = fields[name]
  if (!Array.isArray(value)) throw new TypeError(`${name} is not a list`)
  return value
}
function text(fields: Fields, name: string): string {
  const value = fields[name]
  if (typeof value !== 'string' || value === '') throw new TypeError(`${name} is not a text`)
  return value
}
function amount(fields: Fields, name: string): number {
  const value = fields[name]
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) throw new TypeError(`${name} is not a number from 0`)
  return value
}
function number(fields: Fields, name: string): number {
  const value = amount(fields, name)
  if (!Number.isSafeInteger(value)) throw new TypeError(`${name} is not an integer`)
  return value
}
function oneOf<const T extends string>(fields: Fields, name: string, allowed: readonly T[]): T {
  const value = text(fields, name)
  if (!(allowed as readonly string[]).includes(value)) throw new TypeError(`${name} is none of ${allowed.join(', ')}`)
  return value as T
}
