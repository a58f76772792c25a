import { APPLY_PATCH, JSON_PATCH, MERGE_PATCH, NS, STRATEGIC_PATCH } from './bad-input.fixture.ts'
import { configMap, deployment, nested, patch, pod, post, put, remove, type Row } from './row.ts'

const MAPS = `${NS}/configmaps`
const STRICT = `${MAPS}?fieldValidation=Strict`
const YAML = 'application/yaml'
const PROTOBUF = 'application/vnd.kubernetes.protobuf'
const KEPT = `${MAPS}/kept`
const UNKNOWN_FORMAT =
  /^the body of the request was in an unknown format - accepted media types include: application\/json, application\/yaml, application\/vnd.kubernetes.protobuf/
const OPERATIONS = 'error decoding patch: a JSON patch is a list of operations, each with op and path'
const REJECTED = 'the server rejected our request due to an error in our request'
const large = (bytes: number): string => JSON.stringify(configMap('large', { data: { a: 'x'.repeat(bytes) } }))

/** Bodies that cannot be read, or say something that no object can be. */
export const bodyRows: readonly Row[] = [
  ['JSON that breaks off', post(MAPS, '{"metadata":{"name":"x"'), 400, 'BadRequest', /json parse error: unexpected end of JSON input/],
  ['JSON with a comma too many', post(MAPS, '{"metadata":{"name":"x"},}'), 400, 'BadRequest', /json parse error: /],
  ['JSON with something after it', post(MAPS, '{"metadata":{"name":"x"}} what?'), 400, 'BadRequest', /json parse error: /],
  ['JSON in single quotes', post(MAPS, "{'a':1}"), 400, 'BadRequest', /json parse error: /],
  ['JSON with a lone control character', post(MAPS, '{"metadata":{"name":"a\nb"}}'), 400, 'BadRequest', /json parse error: /],
  ['nothing at all', post(MAPS, ''), 400, 'BadRequest', /json parse error: unexpected end of JSON input \(<empty>\)$/],
  ['null instead of an object', post(MAPS, 'null'), 400, 'BadRequest', /cannot unmarshal null/],
  ['a list instead of an object', post(MAPS, '[]'), 400, 'BadRequest', /json: cannot unmarshal array into Go value/],
  ['a number instead of an object', post(MAPS, '42'), 400, 'BadRequest', /json: cannot unmarshal number into Go value/],
  [
    'a kind that is no text',
    post(MAPS, '{"kind":7}'),
    400,
    'BadRequest',
    /cannot unmarshal number into Go struct field \.kind of type string/,
  ],
  [
    'metadata that is a text',
    post(MAPS, { metadata: 'x' }),
    400,
    'BadRequest',
    /^ConfigMap in version "v1" cannot be handled as a ConfigMap: json: cannot unmarshal string into Go struct field ConfigMap.metadata/,
  ],
  [
    'metadata that is a list',
    post(MAPS, { metadata: [] }),
    400,
    'BadRequest',
    /cannot unmarshal array into Go struct field ConfigMap.metadata/,
  ],
  [
    'a label that is a number',
    post(MAPS, configMap('x', { metadata: { name: 'x', labels: { a: 1 } } })),
    400,
    'BadRequest',
    /cannot unmarshal number into Go struct field .*labels of type string/,
  ],
  [
    'replicas that are a text',
    post('/apis/apps/v1/namespaces/default/deployments', deployment('x', { replicas: 'two' })),
    400,
    'BadRequest',
    /cannot unmarshal string into Go struct field .*spec.replicas of type int32/,
  ],
  [
    'replicas with a fraction',
    post('/apis/apps/v1/namespaces/default/deployments', deployment('x', { replicas: 1.5 })),
    400,
    'BadRequest',
    /cannot unmarshal number 1.5 into Go struct field .*spec.replicas of type int32/,
  ],
  [
    'replicas beyond 32 bits',
    post('/apis/apps/v1/namespaces/default/deployments', deployment('x', { replicas: 3_000_000_000 })),
    400,
    'BadRequest',
    /cannot unmarshal number 3000000000 into Go struct field .*spec.replicas of type int32/,
  ],
  [
    'containers that are an object',
    post(`${NS}/pods`, pod('x', { containers: { name: 'c' } })),
    400,
    'BadRequest',
    /cannot unmarshal object into Go struct field .*spec.containers/,
  ],
  [
    'a container that is a text',
    post(`${NS}/pods`, pod('x', { containers: ['c'] })),
    400,
    'BadRequest',
    /cannot unmarshal string into Go struct field .*containers/,
  ],
  [
    'a Secret whose data is no base64',
    post(`${NS}/secrets`, { metadata: { name: 'x' }, data: { a: '*' } }),
    400,
    'BadRequest',
    /illegal base64 data/,
  ],
  [
    'a quantity that is none',
    post(`${NS}/pods`, pod('x', { containers: [{ name: 'c', image: 'i', resources: { limits: { memory: 'much' } } }] })),
    400,
    'BadRequest',
    /quantities must match the regular expression/,
  ],
  [
    'another kind than the path says',
    post(MAPS, { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'x' } }),
    400,
    'BadRequest',
    /Secret/,
  ],
  [
    'another version than the path says',
    post(MAPS, { apiVersion: 'v2', kind: 'ConfigMap', metadata: { name: 'x' } }),
    400,
    'BadRequest',
    /v2/,
  ],
  ['nesting 10 000 deep', post(MAPS, nested('{"a":', '}', 10_000)), 400, 'BadRequest', /exceeded max depth/],
  [
    'lists 10 000 deep inside a field',
    post(MAPS, `{"metadata":{"name":"x"},"data":${nested('[', ']', 10_000)}}`),
    400,
    'BadRequest',
    /exceeded max depth/,
  ],
  ['a patch that is 10 000 deep', patch(KEPT, MERGE_PATCH, nested('{"a":', '}', 10_000)), 400, 'BadRequest', /exceeded max depth/],
  ['YAML that is 10 000 deep', post(MAPS, nested('[', ']', 10_000), YAML), 400, 'BadRequest', /error converting YAML to JSON: yaml: /],
  ['YAML that breaks off', post(MAPS, 'metadata: {name: x', YAML), 400, 'BadRequest', /error converting YAML to JSON: yaml: line 1: /],
  ['YAML with tabs', post(MAPS, 'metadata:\n\tname: x\n', YAML), 400, 'BadRequest', /error converting YAML to JSON: yaml: line 2: /],
  ['YAML that unfolds to a billion', post(MAPS, billionLaughs(), YAML), 400, 'BadRequest', /error converting YAML to JSON: yaml: /],
  [
    'invalid UTF-8',
    post(MAPS, Buffer.from('7b226d65746164617461223a7b226e616d65223a22ff227d7d', 'hex')),
    422,
    'Invalid',
    /^ConfigMap "\ufffd" is invalid: metadata.name: Invalid value/,
  ],
  ['protobuf that breaks off', post(MAPS, Buffer.from('k8s\0\x12\x7f'), PROTOBUF), 400, 'BadRequest', /unexpected EOF/],
  [
    'protobuf without its first four bytes',
    post(MAPS, Buffer.from('hello'), PROTOBUF),
    400,
    'BadRequest',
    /provided data does not appear to be a protobuf message/,
  ],
  [
    'protobuf of a kind that there is not',
    post(MAPS, Buffer.from('k8s\0\x0a\x0a\x0a\x02v1\x12\x04What\x12\x00', 'latin1'), PROTOBUF),
    400,
    'BadRequest',
    /What/,
  ],
  ['a form', post(MAPS, 'a=b', 'application/x-www-form-urlencoded'), 415, 'UnsupportedMediaType', UNKNOWN_FORMAT],
  ['XML', post(MAPS, '<a/>', 'text/xml'), 415, 'UnsupportedMediaType', UNKNOWN_FORMAT],
  ['a patch type as the type of an object', post(MAPS, '{}', MERGE_PATCH), 415, 'UnsupportedMediaType', UNKNOWN_FORMAT],
  ['a body of 4 MB', post(MAPS, large(4 * 1024 * 1024)), 413, 'RequestEntityTooLarge', 'Request entity is too large: limit is 3145728'],
  [
    'a patch of 4 MB',
    patch(KEPT, MERGE_PATCH, large(4 * 1024 * 1024)),
    413,
    'RequestEntityTooLarge',
    'Request entity is too large: limit is 3145728',
  ],
  [
    'options of 4 MB for a deletion',
    remove(KEPT, large(4 * 1024 * 1024)),
    413,
    'RequestEntityTooLarge',
    'Request entity is too large: limit is 3145728',
  ],
  [
    'a ConfigMap of 2 MB',
    post(MAPS, large(2 * 1024 * 1024)),
    422,
    'Invalid',
    /^ConfigMap "large" is invalid: .*Too long: may not be more than 1048576 bytes/,
  ],
  [
    'unknown fields under Strict',
    post(STRICT, { metadata: { name: 'x', nmae: 1 }, dta: {} }),
    400,
    'BadRequest',
    /strict decoding error: unknown field "(dta|metadata.nmae)", unknown field "(dta|metadata.nmae)"$/,
  ],
  [
    'a field twice under Strict',
    post(STRICT, '{"metadata":{"name":"x","name":"x"}}'),
    400,
    'BadRequest',
    /strict decoding error: duplicate field "metadata.name"$/,
  ],
  [
    'a validation that there is not',
    post(`${MAPS}?fieldValidation=Some`, configMap('x')),
    422,
    'Invalid',
    /fieldValidation: Unsupported value: "Some": supported values: /,
  ],
  [
    '__proto__ as a field, under Strict',
    post(STRICT, '{"metadata":{"name":"x"},"__proto__":{"polluted":"yes"}}'),
    400,
    'BadRequest',
    /unknown field "__proto__"/,
  ],
  [
    'constructor as a field, under Strict',
    post(STRICT, '{"metadata":{"name":"x"},"constructor":{"prototype":{"polluted":"yes"}}}'),
    400,
    'BadRequest',
    /unknown field "constructor"/,
  ],
  [
    '__proto__ as a key of data',
    post(MAPS, '{"metadata":{"name":"x"},"data":{"__proto__":{"polluted":"yes"}}}'),
    400,
    'BadRequest',
    'the key "__proto__" is not allowed',
  ],
  [
    '__proto__ as the name of a label',
    post(MAPS, '{"metadata":{"name":"x","labels":{"__proto__":"yes"}}}'),
    400,
    'BadRequest',
    'the key "__proto__" is not allowed',
  ],

  ['a patch of no type', { method: 'PATCH', path: KEPT, body: {} }, 415, 'UnsupportedMediaType', '415: Unsupported Media Type'],
  [
    'a patch of an unknown type',
    patch(KEPT, 'application/what-patch+json', {}),
    415,
    'UnsupportedMediaType',
    '415: Unsupported Media Type',
  ],
  [
    'a merge patch that breaks off',
    patch(KEPT, MERGE_PATCH, '{"data":'),
    400,
    'BadRequest',
    /^error decoding patch: unexpected end of JSON input/,
  ],
  ['a merge patch that is a list', patch(KEPT, MERGE_PATCH, []), 400, 'BadRequest', /^error decoding patch: /],
  ['a JSON patch that is an object', patch(KEPT, JSON_PATCH, {}), 400, 'BadRequest', /^error decoding patch: /],
  [
    'a JSON patch with an operation that there is not',
    patch(KEPT, JSON_PATCH, [{ op: 'shout', path: '/data' }]),
    400,
    'BadRequest',
    OPERATIONS,
  ],
  ['a JSON patch without a path', patch(KEPT, JSON_PATCH, [{ op: 'add', value: 1 }]), 400, 'BadRequest', OPERATIONS],
  [
    'a JSON patch to a place that is not there',
    patch(KEPT, JSON_PATCH, [{ op: 'replace', path: '/data/no/such', value: 'x' }]),
    422,
    'Invalid',
    REJECTED,
  ],
  ['a JSON patch whose test fails', patch(KEPT, JSON_PATCH, [{ op: 'test', path: '/data/a', value: '2' }]), 422, 'Invalid', REJECTED],
  [
    'a JSON patch through __proto__',
    patch(KEPT, JSON_PATCH, [{ op: 'add', path: '/__proto__/polluted', value: 'yes' }]),
    400,
    'BadRequest',
    OPERATIONS,
  ],
  [
    'a JSON patch of 20 000 operations',
    patch(
      KEPT,
      JSON_PATCH,
      Array.from({ length: 20_000 }, () => ({ op: 'test', path: '/kind', value: 'ConfigMap' })),
    ),
    413,
    'RequestEntityTooLarge',
    /The allowed maximum operations in a JSON patch is 10000, got 20000/,
  ],
  [
    'a merge patch that turns data into a text',
    patch(KEPT, MERGE_PATCH, { data: 'x' }),
    422,
    'Invalid',
    /patch: Invalid value: .*json: cannot unmarshal string into Go struct field ConfigMap.data of type map\[string\]string$/,
  ],
  [
    'a strategic patch with an unknown directive',
    patch(`${NS}/pods/kept`, STRATEGIC_PATCH, { spec: { $patch: 'shout' } }),
    400,
    'BadRequest',
    /shout/,
  ],
  [
    'a strategic patch of a container without its name',
    patch(`${NS}/pods/kept`, STRATEGIC_PATCH, { spec: { containers: [{ image: 'x' }] } }),
    400,
    'BadRequest',
    /does not contain declared merge key: name/,
  ],
  [
    'a patch that renames',
    patch(KEPT, MERGE_PATCH, { metadata: { name: 'other' } }),
    400,
    'BadRequest',
    'the name of the object (other) does not match the name on the URL (kept)',
  ],
  ['a patch of what is not there', patch(`${MAPS}/none`, MERGE_PATCH, {}), 404, 'NotFound', 'configmaps "none" not found'],
  [
    'an apply without who applies',
    patch(KEPT, APPLY_PATCH, configMap('kept')),
    422,
    'Invalid',
    /fieldManager: Required value: is required for apply patch/,
  ],
  ['an apply that is no YAML', patch(`${KEPT}?fieldManager=me`, APPLY_PATCH, 'a: ['), 400, 'BadRequest', /^error decoding YAML: /],
  [
    'a server-side apply',
    patch(`${KEPT}?fieldManager=me`, APPLY_PATCH, configMap('kept')),
    415,
    'UnsupportedMediaType',
    /accepted media types include: application\/json-patch\+json, application\/merge-patch\+json, application\/strategic-merge-patch\+json$/,
  ],
  [
    'a forced merge patch',
    patch(`${KEPT}?force=true`, MERGE_PATCH, {}),
    422,
    'Invalid',
    /force: Forbidden: may not be specified for non-apply patch/,
  ],
  [
    'a replacement with another name',
    put(KEPT, configMap('other')),
    400,
    'BadRequest',
    'the name of the object (other) does not match the name on the URL (kept)',
  ],
]

function billionLaughs(): string {
  const lines = ['a0: &a0 [x,x,x,x,x,x,x,x,x,x]']
  for (let level = 1; level < 10; level++)
    lines.push(
      `a${level}: &a${level} [${Array(10)
        .fill(`*a${level - 1}`)
        .join(',')}]`,
    )
  return lines.join('\n')
}
