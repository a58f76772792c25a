import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testApi } from './http.fixture.ts'

const NS = '/api/v1/namespaces/default'
const TABLE = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' }
const configMap = (name: string, data: Record<string, string> = {}) => ({ metadata: { name }, data })
async function api(overrides?: Parameters<typeof testApi>[0]) {
  const made = await testApi(overrides)
  if (!overrides?.identify) assert.equal((await made.call('POST', '/api/v1/namespaces', { metadata: { name: 'default' } })).status, 201)
  return made
}

const failures: readonly (readonly [string, string, unknown, Record<string, string>, number, string, string | RegExp])[] = [
  ['GET', `${NS}/configmaps/x`, undefined, {}, 404, 'NotFound', 'configmaps "x" not found'],
  ['GET', '/api/v1/nonsense', undefined, {}, 404, 'NotFound', 'the server could not find the requested resource'],
  ['GET', '/apis/none/v1/x', undefined, {}, 404, 'NotFound', 'the server could not find the requested resource'],
  ['GET', '/apis/none/v1', undefined, {}, 404, 'NotFound', 'the server could not find the requested resource'],
  ['GET', '/api/v1/configmaps/x', undefined, {}, 404, 'NotFound', 'the server could not find the requested resource'],
  ['GET', `${NS}/nodes`, undefined, {}, 404, 'NotFound', 'the server could not find the requested resource'],
  ['GET', `${NS}/configmaps/x/nonsense`, undefined, {}, 404, 'NotFound', 'the server could not find the requested resource'],
  ['GET', `${NS}//x`, undefined, {}, 404, 'NotFound', 'the server could not find the requested resource'],
  ['GET', '/api/v1/namespaces/a%zz/pods', undefined, {}, 400, 'BadRequest', /broken percent-encoding/],
  [
    'POST',
    '/api/v1/configmaps',
    configMap('x'),
    {},
    405,
    'MethodNotAllowed',
    'the server does not allow this method on the requested resource',
  ],
  ['POST', `${NS}/configmaps/x`, configMap('x'), {}, 405, 'MethodNotAllowed', /does not allow/],
  ['PUT', `${NS}/configmaps`, configMap('x'), {}, 405, 'MethodNotAllowed', /does not allow/],
  ['DELETE', '/api/v1/namespaces', undefined, {}, 405, 'MethodNotAllowed', /does not allow/],
  ['DELETE', `${NS}/pods/x/log`, undefined, {}, 405, 'MethodNotAllowed', /does not allow/],
  ['POST', '/api/v1/namespaces/none/configmaps', configMap('x'), {}, 404, 'NotFound', 'namespaces "none" not found'],
  [
    'POST',
    `${NS}/configmaps`,
    '{"data',
    {},
    400,
    'BadRequest',
    `the object provided is unrecognized (must be of type ConfigMap): couldn't get version/kind; json parse error: unexpected end of JSON input ({"data)`,
  ],
  ['POST', `${NS}/configmaps`, '', {}, 400, 'BadRequest', /json parse error: unexpected end of JSON input \(<empty>\)$/],
  ['POST', `${NS}/configmaps`, '[]', {}, 400, 'BadRequest', /json: cannot unmarshal array into Go value of type struct .* \(5b5d\)$/],
  [
    'POST',
    `${NS}/configmaps`,
    '{"kind":7}',
    {},
    400,
    'BadRequest',
    /json: cannot unmarshal number into Go struct field \.kind of type string/,
  ],
  [
    'POST',
    `${NS}/configmaps`,
    'a: [',
    { 'content-type': 'application/yaml' },
    400,
    'BadRequest',
    /: yaml: line 1: did not find expected node content \(613a205b\)$/,
  ],
  [
    'POST',
    `${NS}/configmaps`,
    'k8s\0\x12\x7f',
    { 'content-type': 'application/vnd.kubernetes.protobuf' },
    400,
    'BadRequest',
    /unexpected EOF/,
  ],
  [
    'POST',
    `${NS}/configmaps`,
    'a=b',
    { 'content-type': 'application/x-www-form-urlencoded' },
    415,
    'UnsupportedMediaType',
    /^the body of the request was in an unknown format/,
  ],
  [
    'POST',
    `${NS}/configmaps?fieldValidation=Strict`,
    '{"metadata":{"name":"x"},"data":{"a":"1","a":"2"},"foo":1}',
    {},
    400,
    'BadRequest',
    'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: duplicate field "data.a", unknown field "foo"',
  ],
  ['POST', `${NS}/configmaps`, { kind: 'Secret', metadata: { name: 'x' } }, {}, 400, 'BadRequest', /Secret/],
  ['POST', `${NS}/configmaps`, configMap('Bad_Name'), {}, 422, 'Invalid', /^ConfigMap "Bad_Name" is invalid: metadata.name: Invalid value/],
  [
    'POST',
    `${NS}/configmaps?dryRun=Some`,
    configMap('x'),
    {},
    422,
    'Invalid',
    'CreateOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: "Some": supported values: "All"',
  ],
  ['POST', `${NS}/configmaps?fieldValidation=strict`, configMap('x'), {}, 422, 'Invalid', /fieldValidation: Unsupported value: "strict"/],
  ['POST', `${NS}/configmaps?fieldManager=${'x'.repeat(129)}`, configMap('x'), {}, 422, 'Invalid', /fieldManager: Too long/],
  [
    'POST',
    `${NS}/configmaps`,
    `{"data":{"a":"${'x'.repeat(3 * 1024 * 1024)}"}}`,
    {},
    413,
    'RequestEntityTooLarge',
    'Request entity is too large: limit is 3145728',
  ],
  ['POST', `${NS}/configmaps`, '{}', { 'content-length': '4000000' }, 413, 'RequestEntityTooLarge', /limit is 3145728/],
  ['PUT', `${NS}/configmaps/x`, configMap('y'), {}, 400, 'BadRequest', 'the name of the object (y) does not match the name on the URL (x)'],
  ['PATCH', `${NS}/configmaps/x`, {}, {}, 415, 'UnsupportedMediaType', '415: Unsupported Media Type'],
  [
    'PATCH',
    `${NS}/configmaps/x`,
    '{"data',
    { 'content-type': 'application/merge-patch+json' },
    400,
    'BadRequest',
    /^error decoding patch: unexpected end/,
  ],
  ['PATCH', `${NS}/configmaps/x`, '{}', { 'content-type': 'application/json-patch+json' }, 400, 'BadRequest', /^error decoding patch: /],
  [
    'PATCH',
    `${NS}/configmaps/x`,
    '{}',
    { 'content-type': 'application/apply-patch+yaml' },
    422,
    'Invalid',
    'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
  ],
  [
    'PATCH',
    `${NS}/configmaps/x?force=true`,
    '{}',
    { 'content-type': 'application/merge-patch+json' },
    422,
    'Invalid',
    /force: Forbidden: may not be specified for non-apply patch/,
  ],
  [
    'DELETE',
    `${NS}/configmaps/x`,
    { propagationPolicy: 'Sometimes' },
    {},
    422,
    'Invalid',
    /propagationPolicy: Unsupported value: "Sometimes"/,
  ],
  [
    'DELETE',
    `${NS}/configmaps/x`,
    { gracePeriodSeconds: 'soon' },
    {},
    400,
    'BadRequest',
    /cannot unmarshal string into Go struct field DeleteOptions.gracePeriodSeconds of type int64/,
  ],
  ['DELETE', `${NS}/configmaps/x?gracePeriodSeconds=soon`, undefined, {}, 400, 'BadRequest', /invalid syntax/],
  ['GET', '/api/v1/configmaps?labelSelector=a(', undefined, {}, 400, 'BadRequest', /^unable to parse requirement: /],
  ['GET', '/api/v1/configmaps?fieldSelector=spec.foo=1', undefined, {}, 400, 'BadRequest', 'field label not supported: spec.foo'],
  ['GET', '/api/v1/configmaps?limit=many', undefined, {}, 400, 'BadRequest', /invalid syntax/],
  ['GET', '/api/v1/configmaps', undefined, { accept: 'text/html' }, 406, 'NotAcceptable', /Available representations/],
  ['GET', '/api/v1/configmaps?includeObject=All', undefined, TABLE, 400, 'BadRequest', /unrecognized includeObject value: "All"/],
  ['GET', '/api/v1/configmaps?watch=true&sendInitialEvents=true', undefined, {}, 500, 'InternalError', /streams need a connection/],
  ['POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', { spec: {} }, {}, 422, 'Invalid', /exactly one of/],
  ['GET', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', undefined, {}, 405, 'MethodNotAllowed', /does not allow/],
]
for (const [method, path, body, headers, status, reason, message] of failures)
  test(`${method} ${path.slice(0, 70)} ${typeof body === 'string' ? body.slice(0, 30) : ''}: ${status} ${reason}`, async () => {
    const { call } = await api()
    const { json, ...answer } = await call(method, path, body, headers)
    assert.deepEqual([answer.status, json.kind, json.status, json.code, json.reason], [status, 'Status', 'Failure', status, reason])
    if (typeof message === 'string') assert.equal(json.message, message)
    else assert.match(json.message, message)
  })
