import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { inflateRawSync } from 'node:zlib'
import type { JsonObject, JsonValue } from '@bramble/api/object'
import { minorsBetween } from '@bramble/api/version'
import manifest from '../../../../package.json' with { type: 'json' }
import { applyAssignment, type Assigned } from '../assignment.ts'
import type { Assignment } from '../link.ts'
import type { DownMessage, UpMessage } from '../protocol.ts'
import type { DownType, UpType } from '../mqtt/topics.ts'
import { decodeDown, decodeUp, encodeDown, encodeUp } from '../mqtt/wire.ts'

// Messages as released versions said them: what is two minor versions older or newer must be understood. With a minor version that says
// something new, record what it says in a file of its own; a file may go when its version is more than two minors old.

interface Recorded {
  readonly way: 'up' | 'down'
  readonly type: string
  readonly body: JsonObject
}

/** First byte of a message that is deflated. */
const DEFLATED = 1
const FILES = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.jsonl'))
const recorded = (file: string): readonly Recorded[] =>
  readFileSync(join(import.meta.dirname, file), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Recorded)

const decoded = ({ way, type, body }: Recorded): UpMessage | DownMessage => {
  const payload = Buffer.from(JSON.stringify(body))
  return way === 'up' ? decodeUp(type as UpType, payload) : decodeDown(type as DownType, payload)
}
const encoded = (way: string, message: UpMessage | DownMessage): string => {
  const payload = way === 'up' ? encodeUp(message as UpMessage) : encodeDown(message as DownMessage)
  return (payload[0] === DEFLATED ? inflateRawSync(payload.subarray(1)) : payload).toString()
}

test('a version that must be understood has been recorded', () => {
  const near = FILES.filter((file) => Math.abs(minorsBetween(manifest.version, file.replace('.jsonl', '')) ?? Infinity) <= 2)
  assert.ok(near.length > 0, `no file here is within two minor versions of ${manifest.version}`)
})

for (const file of FILES)
  for (const [index, message] of recorded(file).entries()) {
    const name = `${file} line ${index + 1}, ${message.type}`

    test(`${name}: is understood`, () => {
      const { session: _, ...fields } = decoded(message) as unknown as JsonObject
      const { session: __, ...expected } = message.body
      assert.deepEqual(fields, { type: message.type, ...expected })
    })

    test(`${name}: what a newer version adds to it is passed over`, () => {
      const more = { ...message, body: withMore(message.body) as JsonObject }
      assert.equal(decoded(more).type, message.type)
      assert.deepEqual(withoutMore(decoded(more) as unknown as JsonValue), decoded(message))
    })

    test(`${name}: is said today so that it reads the same`, () => {
      assert.deepEqual(JSON.parse(encoded(message.way, decoded(message))), message.body)
    })
  }

const NEW = 'ofANewerVersion'
/** Each object with a field that nobody knows. */
function withMore(value: JsonValue | undefined): JsonValue | undefined {
  if (Array.isArray(value)) return value.map((each: JsonValue) => withMore(each)!) as JsonValue
  if (typeof value !== 'object' || value === null) return value
  return { ...Object.fromEntries(Object.entries(value).map(([key, each]) => [key, withMore(each as JsonValue)])), [NEW]: { x: [1] } }
}
function withoutMore(value: JsonValue | undefined): JsonValue | undefined {
  if (Array.isArray(value)) return value.map((each: JsonValue) => withoutMore(each)!) as JsonValue
  if (typeof value !== 'object' || value === null) return value
  const known = Object.entries(value).filter(([key]) => key !== NEW)
  return Object.fromEntries(known.map(([key, each]) => [key, withoutMore(each as JsonValue)]))
}

test('a report of a kind that only newer agents know costs the others in its batch nothing', () => {
  const known = { type: 'pod-gone', namespace: 'default', name: 'web', uid: 'u' }
  const message = decoded({ way: 'up', type: 'report', body: { session: 's', batch: 1, reports: [{ type: 'gpu-usage', x: 1 }, known] } })
  assert.deepEqual(message, { type: 'report', session: 's', batch: 1, reports: [known] })
})

test('what older ends leave out is as if it were not said', () => {
  assert.deepEqual(decoded({ way: 'up', type: 'hello', body: { session: 's', hello: { agentVersion: '0.1.0' } } }), {
    type: 'hello',
    session: 's',
    hello: { agentVersion: '0.1.0' },
  })
  assert.deepEqual(decoded({ way: 'down', type: 'welcome', body: { session: 's' } }), { type: 'welcome', session: 's' })
})

test('an object of a kind that an older agent does not know is kept, counted in the version, and removed again', () => {
  const metadata = { name: 'x', uid: 'u', resourceVersion: '', creationTimestamp: '' }
  const future = { apiVersion: 'bramble.dev/v3', kind: 'NodeMood', metadata }
  const read = (item: object): Assignment =>
    (
      decoded({ way: 'down', type: 'assign', body: { session: 's', number: 1, item: item as JsonObject } }) as DownMessage & {
        type: 'assign'
      }
    ).item
  const first = applyAssignment(undefined, read({ type: 'complete', version: 'v1', objects: [future] })) as Assigned
  assert.deepEqual([...first.objects.keys()], ['NodeMood x'])
  const removals = [{ kind: 'NodeMood', name: 'x' }]
  const second = applyAssignment(first, read({ type: 'incremental', after: 'v1', version: 'v2', upserts: [], removals })) as Assigned
  assert.deepEqual([second.version, second.objects.size], ['v2', 0])
})
