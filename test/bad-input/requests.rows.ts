import { MERGE_PATCH, NS } from './bad-input.fixture.ts'
import { configMap, get, patch, post, put, type Row, remove } from './row.ts'

const MAPS = `${NS}/configmaps`
const NOT_THERE = 'the server could not find the requested resource'
const NOT_ALLOWED = 'the server does not allow this method on the requested resource'

/** Requests for what there is not, or that ask in a way that there is not. */
export const requestRows: readonly Row[] = [
  ['a path that there is not', get('/api/v7/pods'), 404, 'NotFound', NOT_THERE],
  ['a group that there is not', get('/apis/example.com/v1/things'), 404, 'NotFound', NOT_THERE],
  ['a kind that there is not', get('/api/v1/things'), 404, 'NotFound', NOT_THERE],
  ['a subresource that there is not', get(`${MAPS}/kept/soul`), 404, 'NotFound', NOT_THERE],
  ['a namespaced kind without its namespace', get('/api/v1/configmaps/kept'), 404, 'NotFound', NOT_THERE],
  ['a cluster kind inside a namespace', get(`${NS}/nodes`), 404, 'NotFound', NOT_THERE],
  ['a creation of all kinds at the top', post('/api/v1/configmaps', configMap('x')), 405, 'MethodNotAllowed', NOT_ALLOWED],
  ['a creation at a name', post(`${MAPS}/x`, configMap('x')), 405, 'MethodNotAllowed', NOT_ALLOWED],
  ['a replacement of a whole list', put(MAPS, configMap('x')), 405, 'MethodNotAllowed', NOT_ALLOWED],
  ['a patch of a whole list', patch(MAPS, MERGE_PATCH, {}), 405, 'MethodNotAllowed', NOT_ALLOWED],
  ['the deletion of all namespaces', remove('/api/v1/namespaces'), 405, 'MethodNotAllowed', NOT_ALLOWED],
  ['a verb of another protocol', { method: 'PROPFIND', path: `${MAPS}/kept` }, 405, 'MethodNotAllowed', NOT_ALLOWED],
  ['a log that is deleted', remove(`${NS}/pods/kept/log`), 405, 'MethodNotAllowed', NOT_ALLOWED],
  ['broken percent-encoding', get('/api/v1/namespaces/a%zz/pods'), 400, 'BadRequest', /broken percent-encoding/],
  ['a path that climbs', get('/api/v1/namespaces/..%2f..%2fkube-system/secrets'), 404, 'NotFound', NOT_THERE],

  ['a label selector that does not parse', get(`${MAPS}?labelSelector=a(`), 400, 'BadRequest', /^unable to parse requirement: /],
  ['a label selector with a bad key', get(`${MAPS}?labelSelector=-a%3Db`), 400, 'BadRequest', /^unable to parse requirement: /],
  [
    'a label selector with a bad value',
    get(`${MAPS}?labelSelector=a%3D${'x'.repeat(64)}`),
    400,
    'BadRequest',
    /^unable to parse requirement: /,
  ],
  [
    'a field selector for a field that is not kept',
    get(`${MAPS}?fieldSelector=data.a%3D1`),
    400,
    'BadRequest',
    'field label not supported: data.a',
  ],
  [
    'a field selector that does not parse',
    get(`${MAPS}?fieldSelector=metadata.name`),
    400,
    'BadRequest',
    /invalid selector: 'metadata.name'; can't understand 'metadata.name'/,
  ],
  ['a limit that is no number', get(`${MAPS}?limit=many`), 400, 'BadRequest', /strconv.ParseInt: parsing "many": invalid syntax/],
  ['a limit with a fraction', get(`${MAPS}?limit=1.5`), 400, 'BadRequest', /invalid syntax/],
  ['a continue token that is none', get(`${MAPS}?limit=1&continue=what`), 400, 'BadRequest', /continue key is not valid|continue token/],
  [
    'a continue token of another kind of thing',
    get(`${MAPS}?limit=1&continue=${Buffer.from('{"v":"meta.k8s.io/v1","rv":-5,"start":"../"}').toString('base64url')}`),
    400,
    'BadRequest',
    /continue/,
  ],
  [
    'a resourceVersion of a list that is no number',
    get(`${MAPS}?resourceVersion=new`),
    422,
    'Invalid',
    /resourceVersion: Invalid value: "new": /,
  ],
  ['a match without a resourceVersion', get(`${MAPS}?resourceVersionMatch=Exact`), 422, 'Invalid', /resourceVersionMatch: Forbidden/],
  [
    'a match that there is not',
    get(`${MAPS}?resourceVersion=1&resourceVersionMatch=Nearly`),
    422,
    'Invalid',
    /resourceVersionMatch: Unsupported value: "Nearly"/,
  ],
  [
    'an answer as HTML',
    get(MAPS, { accept: 'text/html' }),
    406,
    'NotAcceptable',
    /^only the following media types are accepted|Available representations|not acceptable/i,
  ],
  [
    'a dry run that is half',
    post(`${MAPS}?dryRun=Half`, configMap('x')),
    422,
    'Invalid',
    /dryRun: Unsupported value: "Half": supported values: "All"/,
  ],
  [
    'a field manager of 200 characters',
    post(`${MAPS}?fieldManager=${'m'.repeat(200)}`, configMap('x')),
    422,
    'Invalid',
    /fieldManager: Too long: may not be more than 128 bytes/,
  ],
]
