import type { JsonObject, JsonValue } from '@bramble/api/object'
import { verbsOf } from '../discovery.ts'
import type { GroupVersion } from '../registry.ts'
import { groupVersionOf, type ResourceDefinition, type Verb } from '../resource.ts'
import { schemasOf } from './openapi-schemas.ts'

// OpenAPI v3, one document per group and version. kubectl looks here for what the server checks itself (`fieldValidation`
// of the patch operation) and for the texts of `kubectl explain`. Source: Kubernetes documentation, "OpenAPI V3".

export const INFO: JsonObject = { title: 'Bramble', version: 'v1.36.2' }

const PARAMETERS: Readonly<Record<string, readonly string[]>> = {
  create: ['dryRun', 'fieldManager', 'fieldValidation'],
  update: ['dryRun', 'fieldManager', 'fieldValidation'],
  patch: ['dryRun', 'fieldManager', 'fieldValidation', 'force'],
  delete: ['dryRun', 'gracePeriodSeconds', 'propagationPolicy'],
  deletecollection: ['dryRun', 'gracePeriodSeconds', 'propagationPolicy', 'labelSelector', 'fieldSelector', 'limit', 'continue'],
  list: [
    'labelSelector',
    'fieldSelector',
    'limit',
    'continue',
    'resourceVersion',
    'resourceVersionMatch',
    'watch',
    'timeoutSeconds',
    'allowWatchBookmarks',
    'sendInitialEvents',
  ],
  get: [],
}
/** Strategic merge is understood but not listed: clients would then compute patches from these schemas. */
const PATCH_TYPES = ['application/apply-patch+yaml', 'application/json-patch+json', 'application/merge-patch+json']

/** One operation, before either version of OpenAPI writes it down. */
export interface Operation {
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete'
  readonly verb: Exclude<Verb, 'watch'>
  readonly parameters: readonly string[]
  readonly resource: ResourceDefinition
}

/** All paths of a kind with their operations. */
export function operationsOf(resource: ResourceDefinition): ReadonlyMap<string, readonly Operation[]> {
  const base = resource.group === '' ? `/api/${resource.version}` : `/apis/${groupVersionOf(resource)}`
  const namespaced = resource.scope === 'Namespaced'
  const collection = `${base}${namespaced ? '/namespaces/{namespace}' : ''}/${resource.plural}`
  const served = verbsOf(resource)
  const operations = (wanted: readonly (readonly [Operation['method'], Operation['verb']])[]): readonly Operation[] =>
    wanted.filter(([, verb]) => served.includes(verb)).map(([method, verb]) => ({ method, verb, parameters: PARAMETERS[verb]!, resource }))
  const paths = new Map([
    [
      collection,
      operations([
        ['get', 'list'],
        ['post', 'create'],
        ['delete', 'deletecollection'],
      ]),
    ],
    [
      `${collection}/{name}`,
      operations([
        ['get', 'get'],
        ['put', 'update'],
        ['patch', 'patch'],
        ['delete', 'delete'],
      ]),
    ],
  ])
  if (namespaced) paths.set(`${base}/${resource.plural}`, operations([['get', 'list']]))
  return paths
}

/** `GET /openapi/v3`. @param hash Of all documents; clients keep a document until it changes. */
export const openapiIndex = (groupVersions: readonly GroupVersion[], hash: string): JsonObject => ({
  paths: Object.fromEntries(groupVersions.map((each) => [pathOf(each), { serverRelativeURL: `/openapi/v3/${pathOf(each)}?hash=${hash}` }])),
})

/** `api/v1`, `apis/apps/v1`. */
export const pathOf = (groupVersion: GroupVersion): string =>
  `${groupVersion.group === '' ? 'api' : 'apis'}/${groupVersionOf(groupVersion)}`

/** `GET /openapi/v3/apis/G/V`. Reads the descriptions from the disk: hundreds of kilobytes, so do not keep it. */
export function openapiDocument({ resources }: GroupVersion): JsonObject {
  const paths: Record<string, JsonValue> = {}
  for (const resource of resources)
    for (const [path, operations] of operationsOf(resource)) {
      const parameters = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
        name: name!,
        in: 'path',
        required: true,
        schema: { type: 'string' },
      }))
      paths[path] = {
        ...(parameters.length > 0 && { parameters }),
        ...Object.fromEntries(operations.map((one) => [one.method, operation(one)])),
      }
    }
  return { openapi: '3.0.0', info: INFO, paths, components: { schemas: schemasOf(resources) } }
}

const operation = ({ verb, parameters, resource: { group, version, kind } }: Operation): JsonObject => ({
  parameters: parameters.map((name) => ({ name, in: 'query', schema: { type: 'string', uniqueItems: true } })),
  ...(verb === 'patch' && {
    requestBody: { content: Object.fromEntries(PATCH_TYPES.map((type) => [type, { schema: { type: 'object' } }])) },
  }),
  responses: { 200: { description: 'OK' } },
  'x-kubernetes-action': verb === 'create' ? 'post' : verb === 'update' ? 'put' : verb,
  'x-kubernetes-group-version-kind': { group, version, kind },
})
