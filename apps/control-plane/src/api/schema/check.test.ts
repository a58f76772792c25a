import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject, JsonValue } from '@bramble/api/object'
import { decodeObject } from '../decode.ts'
import { checkObject } from './check.ts'
import type { ObjectSchema } from './object-schema.ts'

const POD = { group: '', version: 'v1', kind: 'Pod', schema: { type: 'ref', ref: 'io.k8s.api.core.v1.Pod' } as ObjectSchema }
const DEPLOYMENT = {
  group: 'apps',
  version: 'v1',
  kind: 'Deployment',
  schema: { type: 'ref', ref: 'io.k8s.api.apps.v1.Deployment' } as ObjectSchema,
}
const SECRET = { group: '', version: 'v1', kind: 'Secret', schema: { type: 'ref', ref: 'io.k8s.api.core.v1.Secret' } as ObjectSchema }

const strict = { fieldValidation: 'Strict', warn: () => {} } as const
const container = (fields: JsonObject): JsonObject => ({ spec: { containers: [{ name: 'app', ...fields }] } })

const refused: { name: string; kind?: typeof POD; body: JsonValue; message: string }[] = [
  {
    name: 'a text where a number belongs, in the words of Go',
    kind: DEPLOYMENT,
    body: { spec: { replicas: 'three' } },
    message:
      'Deployment in version "v1" cannot be handled as a Deployment: json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32',
  },
  {
    name: 'a mismatch inside a list, whose index Go does not tell',
    body: container({ ports: [{ containerPort: '80' }] }),
    message:
      'Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal string into Go struct field ContainerPort.spec.containers.ports.containerPort of type int32',
  },
  {
    name: 'a fraction where an integer belongs',
    kind: DEPLOYMENT,
    body: { spec: { replicas: 1.5 } },
    message:
      'Deployment in version "v1" cannot be handled as a Deployment: json: cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32',
  },
  {
    name: 'an integer too large for its type',
    kind: DEPLOYMENT,
    body: { spec: { replicas: 2 ** 31 } },
    message:
      'Deployment in version "v1" cannot be handled as a Deployment: json: cannot unmarshal number 2147483648 into Go struct field DeploymentSpec.spec.replicas of type int32',
  },
  {
    name: 'an object where a list belongs',
    body: { spec: { containers: {} } },
    message:
      'Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal object into Go struct field PodSpec.spec.containers of type []v1.Container',
  },
  {
    name: 'a list where a struct belongs',
    body: { spec: [] },
    message:
      'Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal array into Go struct field Pod.spec of type v1.PodSpec',
  },
  {
    name: 'a number as a label',
    body: { metadata: { labels: { a: 1 } } },
    message:
      'Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string',
  },
  {
    name: 'a truth value as a text',
    body: container({ image: true }),
    message:
      'Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal bool into Go struct field Container.spec.containers.image of type string',
  },
  {
    name: 'what is no quantity',
    body: container({ resources: { limits: { memory: '64 Mega' } } }),
    message: `Pod in version "v1" cannot be handled as a Pod: quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'`,
  },
  {
    name: 'what is no base64',
    kind: SECRET,
    body: { data: { password: 'hunter2!' } },
    message: 'Secret in version "v1" cannot be handled as a Secret: illegal base64 data at input byte 7',
  },
  {
    name: 'unknown fields, in document order, with list indices',
    body: { spec: { containers: [{ name: 'app', foo: 1 }], bar: 2 } },
    message:
      'Pod in version "v1" cannot be handled as a Pod: strict decoding error: unknown field "spec.containers[0].foo", unknown field "spec.bar"',
  },
  {
    name: 'another version',
    body: { apiVersion: 'v2', kind: 'Pod' },
    message: 'the API version in the data (v2) does not match the expected API version (v1)',
  },
  {
    name: 'another kind',
    body: { apiVersion: 'v1', kind: 'Node' },
    message: 'Node in version "v1" cannot be handled as a Pod: the kind in the data does not match that of the URL',
  },
  {
    name: 'a key that would change the prototype',
    body: { metadata: { labels: JSON.parse('{"__proto__": "x"}') as JsonObject } },
    message: 'the key "__proto__" is not allowed',
  },
]

for (const { name, kind = POD, body, message } of refused)
  test(`refuses ${name}`, () => {
    assert.throws(
      () => decodeObject(kind, body, strict),
      (error: Error & { code?: number }) => error.code === 400 && (assert.equal(error.message, message), true),
    )
  })

test('refuses a body that is no object', () => {
  assert.throws(
    () => decodeObject(POD, [], strict),
    /^StatusError: the object provided is unrecognized \(must be of type Pod\): couldn't get version\/kind; json parse error: /,
  )
})

const accepted: { name: string; kind?: typeof POD; body: JsonObject; result: JsonObject }[] = [
  {
    name: 'a port as number or name',
    body: container({ livenessProbe: { httpGet: { port: 'web' } } }),
    result: container({ livenessProbe: { httpGet: { port: 'web' } } }),
  },
  {
    name: 'a quantity as a number, kept as text',
    body: container({ resources: { limits: { cpu: 2, memory: '64Mi' } } }),
    result: container({ resources: { limits: { cpu: '2', memory: '64Mi' } } }),
  },
  { name: 'null, as if the field were absent', body: { spec: { containers: null, nodeName: null } }, result: { spec: {} } },
  {
    name: "null in a map, as Go's zero value",
    body: { metadata: { labels: { a: null } } },
    result: { metadata: { labels: { a: '' } }, spec: {} },
  },
  {
    name: 'a negative int64',
    body: { spec: { priority: -5, activeDeadlineSeconds: 2 ** 40 } },
    result: { spec: { priority: -5, activeDeadlineSeconds: 2 ** 40 } },
  },
  { name: 'an empty body, with the kind of the URL', body: {}, result: { spec: {} } },
  { name: 'base64 with line breaks', kind: SECRET, body: { data: { a: 'aGVs\nbG8=' } }, result: { data: { a: 'aGVs\nbG8=' } } },
]

for (const { name, kind = POD, body, result } of accepted)
  test(`accepts ${name}`, () => {
    assert.deepEqual(decodeObject(kind, body, strict), { apiVersion: 'v1', kind: kind.kind, metadata: {}, ...result })
  })

test('Warn drops unknown and repeated fields and says so, Ignore says nothing', () => {
  const warnings: string[] = []
  const warn = (message: string): void => {
    warnings.push(message)
  }
  const body = { spec: { bar: 1, nodeName: 'pi-1' } }
  const duplicateFields = ['spec.nodeName']
  for (const fieldValidation of ['Warn', 'Ignore'] as const)
    assert.deepEqual(decodeObject(POD, body, { fieldValidation, duplicateFields, warn }), {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {},
      spec: { nodeName: 'pi-1' },
    })
  assert.deepEqual(warnings, ['duplicate field "spec.nodeName"', 'unknown field "spec.bar"'])
  assert.throws(() => decodeObject(POD, {}, { ...strict, duplicateFields }), /strict decoding error: duplicate field "spec.nodeName"/)
})

test('nesting beyond 100 levels is refused, not a stack overflow', () => {
  const any: ObjectSchema = { type: 'object', properties: { data: { type: 'any' } } }
  const nested = (levels: number): JsonValue => (levels === 0 ? 1 : { inner: nested(levels - 1) })
  assert.doesNotThrow(() => checkObject(any, { data: nested(95) }))
  assert.throws(() => checkObject(any, { data: nested(200) }), { code: 400, message: 'the object is nested more than 100 levels deep' })
})

test('the copy shares nothing with the body', () => {
  const body = { metadata: { labels: { a: 'b' } } }
  const { value } = checkObject(POD.schema, body)
  assert.notEqual((value['metadata'] as JsonObject)['labels'], body.metadata.labels)
})
