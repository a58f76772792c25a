import { apiVersionOf, type JsonValue } from '@bramble/api/object'
import { badRequest, StatusError } from '@bramble/api/status-error'
import type { Clock } from '@bramble/reconcile/env'
import type { PatchType } from '../api/requests.ts'
import type { HttpContext } from './http-env.ts'
import { goKind } from '../api/schema/go-types.ts'
import { decodeProtobuf, ObjectWireError } from './protobuf/decode.ts'
import { JsonSyntaxError, parseStrictJson } from './strict-json.ts'
import { parseYaml } from './yaml.ts'

/** Source: k8s.io/apiserver MaxRequestBodyBytes. */
export const BODY_BYTES_MAX = 3 * 1024 * 1024
/** A body that trickles in longer than this is given up. */
const BODY_MS_MAX = 60_000

/** How an error names what a body should have been. */
export interface Expected {
  readonly kind: string
  readonly version: string
  /** Default: core. */
  readonly group?: string
}
export interface DecodedBody {
  readonly value: JsonValue
  /** Paths of fields that occur twice in the text. */
  readonly duplicateFields: readonly string[]
}

/** @throws StatusError 413 beyond {@link BODY_BYTES_MAX}, 504 when it takes too long, 400 when it breaks off. */
export async function readBody(c: HttpContext, clock: Clock): Promise<Buffer> {
  const stated = c.req.header('content-length')
  if (Number(stated ?? 0) > BODY_BYTES_MAX) throw tooLarge()
  const stop = new AbortController()
  const late = clock.sleep(BODY_MS_MAX, stop.signal).then(() => 'late' as const)
  const read = stated === undefined ? collect(c.req.raw.body) : whole(c.req.raw)
  try {
    const body = await Promise.race([read, late])
    if (body !== 'late') return body
    read.catch(() => {}) // nobody waits for it any more
    throw new StatusError(504, 'Timeout', `Timeout: the request body did not arrive within ${BODY_MS_MAX / 1000} s`)
  } finally {
    stop.abort()
  }
}

/** A body that is as long as it says it is: the protocol sees to that. */
async function whole(request: Request): Promise<Buffer> {
  try {
    return Buffer.from(await request.arrayBuffer())
  } catch (error) {
    throw badRequest('the request body broke off', { cause: error })
  }
}

async function collect(body: ReadableStream<Uint8Array> | null): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  try {
    for await (const chunk of body ?? []) {
      bytes += chunk.byteLength
      if (bytes > BODY_BYTES_MAX) throw tooLarge()
      chunks.push(chunk)
    }
  } catch (error) {
    throw error instanceof StatusError ? error : badRequest('the request body broke off', { cause: error })
  }
  return Buffer.concat(chunks)
}

const tooLarge = (): StatusError => new StatusError(413, 'RequestEntityTooLarge', `Request entity is too large: limit is ${BODY_BYTES_MAX}`)

/**
 * An object as JSON, whatever it was sent as. No content type means JSON.
 *
 * @throws StatusError 415 for content types that are not ours, 400 for bodies that do not decode to an object.
 */
export async function decodeObject(contentType: string | undefined, body: Buffer, expected: Expected): Promise<DecodedBody> {
  const type = mediaType(contentType)
  if (type === PROTOBUF) return decoded(body, expected, () => ({ value: decodeProtobuf(body, nameOf(expected)), duplicates: [] }))
  if (type === 'application/json' || type === '') return decoded(body, expected, () => parseStrictJson(body.toString('utf8')))
  if (type === 'application/yaml') return decoded(body, expected, () => parseYaml(body.toString('utf8')))
  throw new StatusError(
    415,
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, ${PROTOBUF}`,
  )
}
const PROTOBUF = 'application/vnd.kubernetes.protobuf'

interface Parsed {
  readonly value: unknown
  readonly duplicates: readonly string[]
}

/** Source: k8s.io/apimachinery serializer/json meta.go Interpret and apiserver handlers transformDecodeError. */
async function decoded(body: Buffer, { kind }: Expected, parse: () => Parsed | Promise<Parsed>): Promise<DecodedBody> {
  const refuse = (why: string): StatusError =>
    badRequest(`the object provided is unrecognized (must be of type ${kind}): ${why} (${summary(body)})`)
  let parsed: Parsed
  try {
    parsed = await parse()
  } catch (error) {
    if (error instanceof StatusError) throw error
    if (error instanceof ObjectWireError) throw badRequest(`${headOf(error)} cannot be handled as a ${kind}: ${error.message}`)
    throw refuse(error instanceof JsonSyntaxError ? `${HEAD_ERROR}: ${error.message}` : (error as Error).message)
  }
  const value = parsed.value ?? {} // null is an object of which nothing is said
  const wrong = headError(value)
  if (wrong !== undefined) throw refuse(wrong)
  return { value: value as JsonValue, duplicateFields: parsed.duplicates }
}

const nameOf = ({ group = '', version, kind }: Expected) => ({ apiVersion: apiVersionOf(group, version), kind })
const headOf = ({ apiVersion, kind }: ObjectWireError): string =>
  `${kind} in version ${JSON.stringify(apiVersion.slice(apiVersion.indexOf('/') + 1))}`

const HEAD_ERROR = "couldn't get version/kind; json parse error"

/** Go's words for a value that cannot hold `apiVersion` and `kind`. */
function headError(value: unknown): string | undefined {
  const type = goKind(value)
  if (type !== 'object')
    return `${HEAD_ERROR}: json: cannot unmarshal ${type} into Go value of type struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }`
  const { apiVersion, kind } = value as Record<string, unknown>
  for (const [field, found] of Object.entries({ apiVersion, kind }))
    if (found !== undefined && found !== null && typeof found !== 'string')
      return `${HEAD_ERROR}: json: cannot unmarshal ${goKind(found)} into Go struct field .${field} of type string`
  return typeof apiVersion === 'string' && apiVersion.split('/').length > 2 ? `unexpected GroupVersion string: ${apiVersion}` : undefined
}

/** Source: k8s.io/apiserver handlers summarizeData. */
function summary(body: Buffer): string {
  const BYTES_MAX = 30
  if (body.length === 0) return '<empty>'
  const shown = body.subarray(0, BYTES_MAX)
  return (body[0] === 0x7b ? shown.toString('utf8') : shown.toString('hex')) + (body.length > BYTES_MAX ? ' ...' : '')
}

const PATCH_TYPES: Readonly<Record<string, PatchType>> = {
  'application/json-patch+json': 'json',
  'application/merge-patch+json': 'merge',
  'application/strategic-merge-patch+json': 'strategic',
  'application/apply-patch+yaml': 'apply',
}

/** @throws StatusError 415 */
export function patchType(contentType: string | undefined): PatchType {
  const type = mediaType(contentType)
  if (Object.hasOwn(PATCH_TYPES, type)) return PATCH_TYPES[type]!
  throw new StatusError(415, 'UnsupportedMediaType', '415: Unsupported Media Type', {})
}

/** A patch as JSON. @throws StatusError 400 */
export async function decodePatch(type: PatchType, body: Buffer): Promise<DecodedBody> {
  const text = body.toString('utf8')
  const { value, duplicates } = type === 'apply' ? await appliedPatch(text) : jsonPatch(type, text)
  const wanted = type === 'json' ? 'array' : 'object'
  if (goKind(value) === wanted) return { value: value as JsonValue, duplicateFields: duplicates }
  const into = type === 'json' ? '[]handlers.jsonPatchOp' : 'map[string]interface {}'
  throw badRequest(`${PATCH_ERROR[type]}json: cannot unmarshal ${goKind(value)} into Go value of type ${into}`)
}

/** Source: k8s.io/apiserver handlers patch.go. */
const PATCH_ERROR: Readonly<Record<PatchType, string>> = {
  json: 'error decoding patch: ',
  merge: 'error decoding patch: ',
  strategic: '',
  apply: 'error decoding YAML: error unmarshaling JSON: while decoding JSON: ',
}

function jsonPatch(type: PatchType, text: string): Parsed {
  try {
    return parseStrictJson(text)
  } catch (error) {
    throw badRequest(`${PATCH_ERROR[type]}${(error as Error).message}`, { cause: error })
  }
}

async function appliedPatch(text: string): Promise<Parsed> {
  try {
    return await parseYaml(text)
  } catch (error) {
    throw badRequest(`error decoding YAML: error converting YAML to JSON: ${(error as Error).message}`, { cause: error })
  }
}

const mediaType = (contentType: string | undefined): string => (contentType ?? '').split(';')[0]!.trim().toLowerCase()
