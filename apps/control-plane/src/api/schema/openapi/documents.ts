import type { JsonObject, JsonValue } from '@bramble/api/object'
import type { DocumentedKind, KindName } from './documented-kind.ts'
import { basePath, type Operation, operationsOf } from './operations.ts'
import { schemasOf, type Texts } from './schemas.ts'

// Both versions of OpenAPI, made from the same operations and schemas. Pure.
// Source: Kubernetes documentation, "OpenAPI V2" and "OpenAPI V3"; the OpenAPI specifications 2.0 and 3.0.

const INFO: JsonObject = { title: 'Bramble', version: 'v1.36.2' }
/** Strategic merge is understood but not listed: kubectl then computes patches from the types it was built with, which are complete. */
const PATCH_TYPES = ['application/apply-patch+yaml', 'application/json-patch+json', 'application/merge-patch+json']
const MEDIA_TYPES = ['application/json', 'application/yaml']

/** `api/v1`, `apis/apps/v1`. */
export const documentPath = (groupVersion: Pick<KindName, 'group' | 'version'>): string => basePath(groupVersion).slice(1)

/** `GET /openapi/v3/apis/G/V`. */
export function documentV3(kinds: readonly DocumentedKind[], texts: Texts): JsonObject {
  const paths: Record<string, JsonValue> = {}
  for (const kind of kinds)
    for (const [path, operations] of Map.groupBy(operationsOf(kind), (operation) => operation.path))
      paths[path] = {
        ...(parametersIn(path).length > 0 && {
          parameters: parametersIn(path).map((name) => ({
            name,
            in: 'path',
            required: true,
            schema: { type: 'string', uniqueItems: true },
          })),
        }),
        ...Object.fromEntries(operations.map((one) => [one.method, operationV3(one)])),
      }
  return { openapi: '3.0.0', info: INFO, paths, components: { schemas: schemasOf(kinds, 'v3', texts) } }
}

function operationV3(operation: Operation): JsonObject {
  const schema = (name: string): JsonObject => ({ schema: { $ref: `#/components/schemas/${name}` } })
  const { takes, gives, method } = operation
  const content = gives === undefined ? { '*/*': { schema: { type: 'string' } } } : inEach(MEDIA_TYPES, schema(gives))
  return {
    tags: [operation.tag],
    description: operation.description,
    operationId: operation.id,
    parameters: operation.parameters.map((name) => ({ name, in: 'query', schema: { type: parameterType(name), uniqueItems: true } })),
    ...(takes !== undefined && {
      requestBody: {
        ...(method !== 'delete' && { required: true }),
        content: inEach(method === 'patch' ? PATCH_TYPES : MEDIA_TYPES, schema(takes)),
      },
    }),
    responses: {
      [operation.code]: { description: operation.code === 201 ? 'Created' : 'OK', content },
      401: { description: 'Unauthorized' },
    },
    ...extensions(operation),
  }
}

const inEach = (types: readonly string[], value: JsonObject): JsonObject => Object.fromEntries(types.map((type) => [type, value]))

/** `GET /openapi/v2`. */
export function documentV2(kinds: readonly DocumentedKind[], texts: Texts): JsonObject {
  const paths: Record<string, JsonValue> = {}
  for (const kind of kinds)
    for (const [path, operations] of Map.groupBy(operationsOf(kind), (operation) => operation.path))
      paths[path] = {
        ...Object.fromEntries(operations.map((one) => [one.method, operationV2(one)])),
        ...(parametersIn(path).length > 0 && {
          parameters: parametersIn(path).map((name) => ({ name, in: 'path', required: true, type: 'string', uniqueItems: true })),
        }),
      }
  return { swagger: '2.0', info: INFO, paths, definitions: schemasOf(kinds, 'v2', texts) }
}

function operationV2(operation: Operation): JsonObject {
  const reference = (name: string): JsonObject => ({ $ref: `#/definitions/${name}` })
  const { takes, gives, method } = operation
  return {
    tags: [operation.tag],
    description: operation.description,
    operationId: operation.id,
    consumes: method === 'patch' ? PATCH_TYPES : ['*/*'],
    produces: gives === undefined ? ['*/*'] : MEDIA_TYPES,
    schemes: ['https'],
    parameters: [
      ...(takes === undefined
        ? []
        : [{ name: 'body', in: 'body', ...(method !== 'delete' && { required: true }), schema: reference(takes) }]),
      ...operation.parameters.map((name) => ({ name, in: 'query', type: parameterType(name), uniqueItems: true })),
    ],
    responses: {
      [operation.code]: {
        description: operation.code === 201 ? 'Created' : 'OK',
        schema: gives === undefined ? { type: 'string' } : reference(gives),
      },
      401: { description: 'Unauthorized' },
    },
    ...extensions(operation),
  }
}

const extensions = ({ action, of }: Operation): JsonObject => ({
  'x-kubernetes-action': action,
  'x-kubernetes-group-version-kind': { group: of.group, kind: of.kind, version: of.version },
})

const parametersIn = (path: string): readonly string[] => [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!)

const BOOLEANS = new Set(['watch', 'force', 'allowWatchBookmarks', 'sendInitialEvents', 'orphanDependents'])
const INTEGERS = new Set(['limit', 'timeoutSeconds', 'gracePeriodSeconds'])
const parameterType = (name: string): string => (BOOLEANS.has(name) ? 'boolean' : INTEGERS.has(name) ? 'integer' : 'string')
