import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject, JsonValue } from '@bramble/api/object'
import { decodeObject } from '../decode.ts'
import { parseStrictJson } from '../../http/strict-json.ts'
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
    name: 'a number where a named type of texts belongs',
    body: { spec: { restartPolicy: 5 } },
    message:
      'Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal number into Go struct field PodSpec.spec.restartPolicy of type v1.RestartPolicy',
  },
  {
    name: 'a list where a named type of maps belongs',
    body: container({ resources: { limits: [] } }),
    message:
      'Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal array into Go struct field ResourceRequirements.spec.containers.resources.limits of type v1.ResourceList',
  },
  {
    name: 'a number in a list of a named type',
    body: container({ securityContext: { capabilities: { add: [5] } } }),
    message:
      'Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal number into Go struct field Capabilities.spec.containers.securityContext.capabilities.add of type v1.Capability',
  },
  {
    name: 'a mismatch in a struct that stands inside another without a name of its own',
    body: { spec: { volumes: [{ emptyDir: 5 }] } },
    message:
      'Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal number into Go struct field Volume.spec.volumes.emptyDir of type v1.EmptyDirVolumeSource',
  },
  {
    name: 'a truth value where a port belongs',
    body: container({ livenessProbe: { httpGet: { port: true } } }),
    message:
      'Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal bool into Go struct field HTTPGetAction.spec.containers.livenessProbe.httpGet.port of type int32',
  },
  {
    name: 'a number where a time belongs',
    body: { metadata: { deletionTimestamp: 5 } },
    message:
      'Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal number into Go struct field ObjectMeta.metadata.deletionTimestamp of type string',
  },
  {
    name: 'a malformed quantity before any mismatch, wherever they stand',
    body: { spec: { hostname: 5, overhead: { cpu: '1mm' } } },
    message: 'Pod in version "v1" cannot be handled as a Pod: unable to parse quantity\'s suffix',
  },
  {
    name: 'the first of several mismatches',
    body: { spec: { hostname: 5, nodeName: 6 } },
    message:
      'Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal number into Go struct field PodSpec.spec.hostname of type string',
  },
  {
    name: 'names in another case: they are other names',
    body: { Spec: {}, metadata: { Name: 'x' } },
    message: 'Pod in version "v1" cannot be handled as a Pod: strict decoding error: unknown field "Spec", unknown field "metadata.Name"',
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
  assert.throws(() => decodeObject(POD, [], strict), /^StatusError: the object provided is unrecognized \(must be of type Pod\)/)
})

const accepted: { name: string; kind?: typeof POD; body: JsonObject; result: JsonObject }[] = [
  {
    name: 'a port as number or name',
    body: container({ livenessProbe: { httpGet: { port: 'web' } } }),
    result: container({ livenessProbe: { httpGet: { port: 'web' } } }),
  },
  {
    name: 'quantities, in the form that is stored',
    body: container({ resources: { limits: { cpu: 0.5, memory: '1024Mi', 'ephemeral-storage': null } } }),
    result: container({ resources: { limits: { cpu: '500m', memory: '1Gi', 'ephemeral-storage': '0' } } }),
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
  {
    name: 'base64 with line breaks and loose bits, in one form',
    kind: SECRET,
    body: { data: { a: 'aGVs\nbG8=', b: 'YR==' } },
    result: { data: { a: 'aGVsbG8=', b: 'YQ==' } },
  },
  { name: 'bytes as a list of numbers', kind: SECRET, body: { data: { a: [97, 98] } }, result: { data: { a: 'YWI=' } } },
  {
    name: 'empty texts, lists and maps, 0 and false, as if they were absent where Kubernetes stores nothing of them',
    body: {
      metadata: { labels: {}, finalizers: [] },
      spec: {
        hostname: '',
        hostNetwork: false,
        nodeSelector: {},
        tolerations: [],
        priority: 0,
        hostUsers: false,
        containers: [{ name: '', tty: false }],
      },
    },
    result: { spec: { priority: 0, hostUsers: false, containers: [{ name: '' }] } },
  },
  {
    name: 'a time of any zone, as UTC to the second',
    body: { spec: {}, status: { startTime: '2020-01-01T02:00:00.9+02:00' } },
    result: { spec: {}, status: { startTime: '2020-01-01T00:00:00Z' } },
  },
]

for (const { name, kind = POD, body, result } of accepted)
  test(`accepts ${name}`, () => {
    assert.deepEqual(decodeObject(kind, body, strict), { apiVersion: 'v1', kind: kind.kind, metadata: {}, ...result })
  })

test('unknown and repeated fields are told in the order of the text; what is inside an unknown field is not looked at', () => {
  const text =
    '{"spec":{"foo":1,"containers":[{"bar":1,"bar":2}],"foo":2,"nodeName":"a","nodeName":"b"},"metadata":{"labels":{"a":"1","a":"2"}},"x":{"y":1,"y":2}}'
  const { value, duplicates } = parseStrictJson(text)
  const warnings: string[] = []
  const context = { fieldValidation: 'Warn', duplicateFields: duplicates, warn: (message: string) => void warnings.push(message) } as const
  decodeObject(POD, value as JsonObject, context)
  assert.deepEqual(warnings, [
    'unknown field "spec.foo"',
    'unknown field "spec.containers[0].bar"',
    'duplicate field "spec.nodeName"',
    'duplicate field "metadata.labels.a"',
    'unknown field "x"',
  ])
})

test('a hundred unknown fields are told, no more', () => {
  const { strict: told, unknown } = checkObject(POD.schema, Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`x${index}`, 1])))
  assert.deepEqual([told!.length, unknown.length], [100, 100])
})

const numbers: readonly (readonly [written: string, of: string, found: string])[] = [
  ['1.0', 'spec.priority of type int32', 'number 1.0'],
  ['1e3', 'spec.priority of type int32', 'number 1e3'],
  ['99999999999999999999', 'spec.priority of type int32', 'number 99999999999999999999'],
  ['9223372036854775808', 'spec.activeDeadlineSeconds of type int64', 'number 9223372036854775808'],
]
for (const [written, of, found] of numbers)
  test(`${written} is no integer that fits ${of}`, () => {
    const { value } = parseStrictJson(`{"spec":{"${of.split(/[. ]/)[1]}":${written}}}`)
    assert.throws(() => decodeObject(POD, value as JsonObject, strict), {
      message: `Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal ${found} into Go struct field PodSpec.${of}`,
    })
  })

test('the largest int64 and a quantity with an exponent are read as they were written', () => {
  const { value } = parseStrictJson('{"spec":{"activeDeadlineSeconds":9223372036854775807,"overhead":{"cpu":1e3}}}')
  assert.deepEqual(checkObject(POD.schema, value as JsonObject).value['spec'], { activeDeadlineSeconds: 2 ** 63, overhead: { cpu: '1e3' } })
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
