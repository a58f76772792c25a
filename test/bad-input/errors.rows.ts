import type { JsonObject } from '@bramble/api/object'
import { APPLY_PATCH, JSON_PATCH, NS } from './bad-input.fixture.ts'
import { configMap, deployment, get, patch, pod, post, put, type Row, remove } from './row.ts'

/** A row whose message is exact, and the details of its Status: all that there is, or `undefined` for none. */
export type ErrorRow = readonly [...Row, details: JsonObject | undefined]

const MAPS = `${NS}/configmaps`
const KEPT = `${MAPS}/kept`
const DEPLOYMENTS = '/apis/apps/v1/namespaces/default/deployments'
const SUBDOMAIN =
  `a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character ` +
  `(e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`
const options = (kind: string, reason: string, field: string, message: string): JsonObject => ({
  group: 'meta.k8s.io',
  kind,
  causes: [{ reason, message, field }],
})
const apply = (path: string, body: unknown, headers?: object) => ({ ...patch(path, APPLY_PATCH, body), ...headers })
const as = (user: string, path: string) => get(path, { 'impersonate-user': user })

/** 400 and 415: what was sent cannot be understood. */
const misunderstood: readonly ErrorRow[] = [
  [
    'a value of another type',
    post(DEPLOYMENTS, deployment('x', { replicas: 'many' })),
    400,
    'BadRequest',
    'Deployment in version "v1" cannot be handled as a Deployment: json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32',
    undefined,
  ],
  [
    'fields that there are not',
    post(`${NS}/pods?fieldValidation=Strict`, {
      metadata: { name: 'x' },
      spec: { containers: [{ name: 'c', image: 'i', foo: 1 }], bar: 1 },
    }),
    400,
    'BadRequest',
    'Pod in version "v1" cannot be handled as a Pod: strict decoding error: unknown field "spec.containers[0].foo", unknown field "spec.bar"',
    undefined,
  ],
  [
    'a field twice',
    post(`${MAPS}?fieldValidation=Strict`, '{"metadata":{"name":"x"},"data":{"a":"1","a":"2"}}'),
    400,
    'BadRequest',
    'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: duplicate field "data.a"',
    undefined,
  ],
  [
    'half an object',
    post('/api/v1/namespaces', '{"a"'),
    400,
    'BadRequest',
    `the object provided is unrecognized (must be of type Namespace): couldn't get version/kind; json parse error: unexpected end of JSON input ({"a")`,
    undefined,
  ],
  [
    'another name than the path says',
    put(KEPT, configMap('other')),
    400,
    'BadRequest',
    'the name of the object (other) does not match the name on the URL (kept)',
    undefined,
  ],
  [
    'a field selector of a field that is not kept',
    get(`${NS}/pods?fieldSelector=spec.foo%3D1`),
    400,
    'BadRequest',
    'field label not supported: spec.foo',
    undefined,
  ],
  [
    'a label selector',
    get(`${NS}/pods?labelSelector=a((`),
    400,
    'BadRequest',
    `unable to parse requirement: found '(', expected: in, notin, =, ==, !=, gt, lt`,
    undefined,
  ],
  [
    'a continue token',
    get(`${NS}/pods?limit=1&continue=nonsense`),
    400,
    'BadRequest',
    'invalid continue token: continue key is not valid',
    undefined,
  ],
  [
    'managed fields in what is applied',
    apply(`${MAPS}/y?fieldManager=a`, configMap('y', { metadata: { name: 'y', managedFields: [{}] } })),
    400,
    'BadRequest',
    'metadata.managedFields must be nil',
    undefined,
  ],
  ['a patch of an unknown type', patch(KEPT, 'text/plain', '{}'), 415, 'UnsupportedMediaType', '415: Unsupported Media Type', {}],
  [
    'a body of an unknown type',
    post(MAPS, '<a/>', 'text/xml'),
    415,
    'UnsupportedMediaType',
    'the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, application/vnd.kubernetes.protobuf',
    undefined,
  ],
  [
    'an answer of an unknown type',
    get(MAPS, { accept: 'text/html' }),
    406,
    'NotAcceptable',
    '406: Not Acceptable\n\nAvailable representations: application/json, application/yaml',
    {},
  ],
]

/** 403, 404 and 405: it is not for this user, not there, or not to be had in this way. */
const outOfReach: readonly ErrorRow[] = [
  [
    'a list for somebody else',
    as('u', `${NS}/pods`),
    403,
    'Forbidden',
    'pods is forbidden: User "u" cannot list resource "pods" in API group "" in the namespace "default"',
    { kind: 'pods' },
  ],
  [
    'an object for somebody else',
    as('u', `${NS}/pods/x`),
    403,
    'Forbidden',
    'pods "x" is forbidden: User "u" cannot get resource "pods" in API group "" in the namespace "default"',
    { name: 'x', kind: 'pods' },
  ],
  [
    'a cluster-wide kind for somebody else',
    as('u', '/apis/storage.k8s.io/v1/storageclasses'),
    403,
    'Forbidden',
    'storageclasses.storage.k8s.io is forbidden: User "u" cannot list resource "storageclasses" in API group "storage.k8s.io" at the cluster scope',
    { group: 'storage.k8s.io', kind: 'storageclasses' },
  ],
  ['a path for somebody else', as('u', '/metrics'), 403, 'Forbidden', 'forbidden: User "u" cannot get path "/metrics"', {}],
  [
    'a namespace that must stay',
    remove('/api/v1/namespaces/default'),
    403,
    'Forbidden',
    'namespaces "default" is forbidden: this namespace may not be deleted',
    { name: 'default', kind: 'namespaces' },
  ],
  [
    'an object of a group',
    get(`${DEPLOYMENTS}/d1`),
    404,
    'NotFound',
    'deployments.apps "d1" not found',
    { name: 'd1', group: 'apps', kind: 'deployments' },
  ],
  ['an object of the core', get(`${NS}/pods/x`), 404, 'NotFound', 'pods "x" not found', { name: 'x', kind: 'pods' }],
  [
    'a namespace to create in',
    post('/api/v1/namespaces/nowhere/configmaps', configMap('x')),
    404,
    'NotFound',
    'namespaces "nowhere" not found',
    { name: 'nowhere', kind: 'namespaces' },
  ],
  ['a kind', get('/api/v1/nothing'), 404, 'NotFound', 'the server could not find the requested resource', {}],
  [
    'a method',
    post(`${MAPS}/x`, configMap('x')),
    405,
    'MethodNotAllowed',
    'the server does not allow this method on the requested resource',
    {},
  ],
]

/** 409 and 410: it has changed meanwhile. */
const changed: readonly ErrorRow[] = [
  [
    'a name that is taken',
    post('/api/v1/namespaces', { metadata: { name: 'default' } }),
    409,
    'AlreadyExists',
    'namespaces "default" already exists',
    { name: 'default', kind: 'namespaces' },
  ],
  [
    'an object that was read too early',
    put(KEPT, configMap('kept', { metadata: { name: 'kept', resourceVersion: '1' } })),
    409,
    'Conflict',
    'Operation cannot be fulfilled on configmaps "kept": the object has been modified; please apply your changes to the latest version and try again',
    { name: 'kept', kind: 'configmaps' },
  ],
  [
    'a field of somebody else',
    apply(`${MAPS}/shared?fieldManager=A`, configMap('shared', { data: { a: '2' } })),
    409,
    'Conflict',
    'Apply failed with 1 conflict: conflict with "B": .data.a',
    { causes: [{ reason: 'FieldManagerConflict', message: 'conflict with "B"', field: '.data.a' }] },
  ],
  [
    'an object with a uid that is gone',
    apply(`${MAPS}/y?fieldManager=A`, configMap('y', { metadata: { name: 'y', uid: 'abc' } })),
    409,
    'Conflict',
    'Operation cannot be fulfilled on configmaps "y": uid mismatch: the provided object specified uid abc, and no existing object was found',
    { name: 'y', kind: 'configmaps' },
  ],
  [
    'a list of long ago',
    get(`${MAPS}?resourceVersion=1&resourceVersionMatch=Exact`),
    410,
    'Expired',
    'The resourceVersion for the provided list is too old.',
    undefined,
  ],
]

/** 422: it is understood, and wrong. */
const wrong: readonly ErrorRow[] = [
  [
    'an object with two faults',
    post(`${NS}/pods`, pod('Bad_Name', { containers: [] })),
    422,
    'Invalid',
    `Pod "Bad_Name" is invalid: [metadata.name: Invalid value: "Bad_Name": ${SUBDOMAIN}, spec.containers: Required value]`,
    {
      name: 'Bad_Name',
      kind: 'Pod',
      causes: [
        { reason: 'FieldValueInvalid', message: `Invalid value: "Bad_Name": ${SUBDOMAIN}`, field: 'metadata.name' },
        { reason: 'FieldValueRequired', message: 'Required value', field: 'spec.containers' },
      ],
    },
  ],
  [
    'an object of a group with one fault',
    post(DEPLOYMENTS, deployment('d', { replicas: -1 })),
    422,
    'Invalid',
    'Deployment.apps "d" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0',
    {
      name: 'd',
      group: 'apps',
      kind: 'Deployment',
      causes: [{ reason: 'FieldValueInvalid', message: 'Invalid value: -1: must be greater than or equal to 0', field: 'spec.replicas' }],
    },
  ],
  [
    'a JSON patch whose test fails',
    patch(KEPT, JSON_PATCH, [{ op: 'test', path: '/data/a', value: '9' }]),
    422,
    'Invalid',
    'the server rejected our request due to an error in our request',
    {},
  ],
  [
    'who applies without a name',
    apply(KEPT, configMap('kept')),
    422,
    'Invalid',
    'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
    options('PatchOptions', 'FieldValueRequired', 'fieldManager', 'Required value: is required for apply patch'),
  ],
  [
    'half a dry run',
    post(`${MAPS}?dryRun=Half`, configMap('x')),
    422,
    'Invalid',
    'CreateOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: "Half": supported values: "All"',
    options('CreateOptions', 'FieldValueNotSupported', 'dryRun', 'Unsupported value: "Half": supported values: "All"'),
  ],
  [
    'a match of nothing',
    get(`${MAPS}?resourceVersionMatch=Exact`),
    422,
    'Invalid',
    'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided',
    options(
      'ListOptions',
      'FieldValueForbidden',
      'resourceVersionMatch',
      'Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided',
    ),
  ],
]

/** Kubernetes answers 500 here; it is the client's mistake. */
const odd: readonly ErrorRow[] = [
  [
    'a field that is applied and that there is not',
    apply(`${MAPS}/y?fieldManager=A`, configMap('y', { foo: '1' })),
    400,
    'BadRequest',
    'failed to create typed patch object (/y; /v1, Kind=ConfigMap): .foo: field not declared in schema',
    undefined,
  ],
]

export const errorRows: readonly ErrorRow[] = [...misunderstood, ...outOfReach, ...changed, ...wrong, ...odd]
