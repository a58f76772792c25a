import assert from 'node:assert/strict'
import { test } from 'node:test'
import { apiVersionOf, type JsonObject } from '@bramble/api/object'
import { StatusError } from '@bramble/api/status-error'
import fc from 'fast-check'
import { decodeObject as checked } from '../../api/decode.ts'
import { allResources } from '../../resources/all.ts'
import { decodeObject } from '../body.ts'
import { decodeProtobuf } from './decode.ts'
import { envelope } from './encode.fixture.ts'
import { FieldTable } from './fields.ts'
import { anyMessage, encodeMessage } from './objects.fixture.ts'

const SEED = 11
const table = new FieldTable()
/** Kinds that are sent to a part of another: they have no path of their own. */
const PARTS = ['v1 Binding', 'autoscaling/v1 Scale', 'policy/v1 Eviction', 'authentication.k8s.io/v1 TokenRequest', 'v1 DeleteOptions'].map(
  (name) => ({ apiVersion: name.split(' ')[0]!, kind: name.split(' ')[1]! }),
)
/** No Go program was built with types of Bramble's own kinds. */
const OTHER_THAN_GO = ['metrics.k8s.io', 'bramble.dev']
const resources = allResources.filter(({ group }) => !OTHER_THAN_GO.includes(group))
const kinds = [...resources.map(({ group, version, kind }) => ({ apiVersion: apiVersionOf(group, version), kind })), ...PARTS]

for (const { apiVersion, kind } of kinds)
  test(`${apiVersion} ${kind}: what Go writes is read as what Go would print`, () => {
    const name = table.messageOf(apiVersion, kind)
    assert.ok(name, 'it has no protobuf form')
    fc.assert(
      fc.property(anyMessage(table, name), (object) => {
        const body = envelope(apiVersion, kind, encodeMessage(table, name, object))
        const decoded = withoutNulls(decodeProtobuf(body, { apiVersion: '', kind: '' }))
        assert.deepEqual(decoded, { apiVersion, kind, ...(object as JsonObject) })
      }),
      { seed: SEED, numRuns: 10 },
    )
  })

/** Times that are always told are null when there is none. */
const withoutNulls = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value), (_key, each: unknown) => {
    if (typeof each !== 'object' || each === null || Array.isArray(each)) return each
    return Object.fromEntries(Object.entries(each).filter(([, inner]) => inner !== null))
  })

test('what is read has no field that the schema does not know', () => {
  for (const resource of resources) {
    const { group, version, kind } = resource
    const name = table.messageOf(apiVersionOf(group, version), kind)!
    const warnings = new Set<string>()
    for (const object of fc.sample(anyMessage(table, name), { seed: SEED, numRuns: 20 }))
      try {
        checked(resource, object as JsonObject, {
          fieldValidation: 'Warn',
          warn: (message) => void warnings.add(message.replace(/\[\d+\]/g, '')),
        })
      } catch (error) {
        assert.equal((error as StatusError).code, 400, `${kind}: ${String(error)}`)
      }
    assert.deepEqual([...warnings], [], kind)
  }
})

const POD = { kind: 'Pod', version: 'v1', group: '' }
const read = (body: Buffer): Promise<unknown> => decodeObject('application/vnd.kubernetes.protobuf', body, POD)

test('any bytes are an object or a bad request', async () => {
  const prefixed = fc.uint8Array({ maxLength: 300 }).map((rest) => Buffer.concat([Buffer.from('k8s\0'), rest]))
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        prefixed,
        fc.uint8Array({ maxLength: 300 }).map((each) => Buffer.from(each)),
      ),
      async (body) => tolerated(body),
    ),
    { seed: SEED, numRuns: 2000 },
  )
})

test('a body that was changed on its way is an object or a bad request', async () => {
  const name = table.messageOf('v1', 'Pod')!
  const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255), fc.constantFrom('set', 'insert', 'cut')), { minLength: 1, maxLength: 4 })
  await fc.assert(
    fc.asyncProperty(anyMessage(table, name), changes, async (object, wanted) => {
      let body = envelope('v1', 'Pod', encodeMessage(table, name, object))
      for (const [place, byte, how] of wanted) body = changed(body, place % body.length, byte, how)
      await tolerated(body)
    }),
    { seed: SEED, numRuns: 500 },
  )
})

function changed(body: Buffer, at: number, byte: number, how: string): Buffer {
  const rest = body.subarray(how === 'set' ? at + 1 : at)
  return how === 'cut' ? body.subarray(0, Math.max(at, 1)) : Buffer.concat([body.subarray(0, at), Buffer.from([byte]), rest])
}

async function tolerated(body: Buffer): Promise<void> {
  try {
    await read(body)
  } catch (error) {
    assert.ok(error instanceof StatusError && error.code === 400, `${body.toString('hex')}: ${String(error)}`)
  }
}

test('what is wrong is told as Kubernetes tells it', async () => {
  const refused = async (body: Buffer, message: string): Promise<void> => assert.rejects(read(body), { code: 400, message: `${message}` })
  await refused(
    Buffer.from('{}'),
    'the object provided is unrecognized (must be of type Pod): provided data does not appear to be a protobuf message, expected prefix [107 56 115 0] ({})',
  )
  await refused(Buffer.from('k8s\0'), 'the object provided is unrecognized (must be of type Pod): empty body (6b387300)')
  await refused(
    envelope('apps/v1', 'Nonsense', []),
    'Nonsense in version "v1" cannot be handled as a Pod: no kind "Nonsense" is registered for version "apps/v1" in scheme "pkg/api/legacyscheme/scheme.go:30"',
  )
  await refused(
    envelope('v1', 'Pod', [[2, [[3, 5]]]]),
    'Pod in version "v1" cannot be handled as a Pod: proto: wrong wireType = 0 for field RestartPolicy',
  )
})
