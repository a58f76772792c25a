import type { JsonObject, KubeObject } from '@bramble/api/object'
import { apiVersionOf } from '@bramble/api/object'
import { badRequest } from '@bramble/api/status-error'
import type { ListResult } from '../api/requests.ts'
import { groupVersionOf, type ResourceDefinition } from '../api/resource.ts'
import { type IncludeObject, toPartial, toTable } from '../api/table.ts'
import type { HttpContext } from './http-env.ts'
import type { Representation } from './negotiate.ts'
import { type Headers, respondJson } from './respond.ts'

/** One object as the client wants to see it. */
export async function showObject(
  c: HttpContext,
  resource: ResourceDefinition,
  object: KubeObject,
  shown: Representation,
  nowMs: number,
  code = 200,
  headers: Headers = {},
): Promise<Response> {
  const metadata = { resourceVersion: object.metadata.resourceVersion }
  const body =
    shown.as === 'table'
      ? toTable(resource, [object], metadata, { includeObject: includeObject(c.get('query')), version: shown.version, nowMs })
      : shown.as === 'metadata'
        ? toPartial(object, shown.version)
        : object
  return respondIn(c, shown, body, code, headers)
}

/** A list as the client wants to see it: `PodList`, a Table, or metadata. Items of a built-in kind do not repeat kind and apiVersion. */
export async function showList(
  c: HttpContext,
  resource: ResourceDefinition,
  list: ListResult,
  shown: Representation,
  nowMs: number,
): Promise<Response> {
  const { items, resourceVersion, remainingItemCount } = list
  const metadata: JsonObject = {
    resourceVersion,
    ...(list.continue && { continue: list.continue }),
    ...(remainingItemCount !== undefined && { remainingItemCount }),
  }
  if (shown.as === 'table')
    return respondIn(
      c,
      shown,
      toTable(resource, items, metadata, { includeObject: includeObject(c.get('query')), version: shown.version, nowMs }),
    )
  if (shown.as === 'metadata') {
    const kind = { kind: 'PartialObjectMetadataList', apiVersion: apiVersionOf('meta.k8s.io', shown.version) }
    return respondIn(c, shown, { ...kind, metadata, items: items.map((item) => toPartial(item, shown.version)) })
  }
  return respondIn(c, shown, {
    kind: resource.listKind ?? `${resource.kind}List`,
    apiVersion: groupVersionOf(resource),
    metadata,
    items: resource.custom ? items : items.map(({ kind: _kind, apiVersion: _apiVersion, ...item }) => item),
  })
}

async function respondIn(c: HttpContext, { format }: Representation, body: unknown, code = 200, headers: Headers = {}): Promise<Response> {
  if (format === 'json') return respondJson(c, body, code, headers)
  const { stringify } = await import('yaml')
  return c.body(stringify(body, { aliasDuplicateObjects: false }), code as 200, { 'content-type': 'application/yaml', ...headers })
}

/** @throws StatusError 400 */
export function includeObject(query: URLSearchParams): IncludeObject {
  const asked = query.get('includeObject') || 'Metadata'
  if (asked === 'None' || asked === 'Metadata' || asked === 'Object') return asked
  throw badRequest(`unrecognized includeObject value: ${JSON.stringify(asked)}`)
}
