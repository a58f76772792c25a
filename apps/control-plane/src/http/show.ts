import type { JsonObject, KubeObject } from '@bramble/api/object'
import { apiVersionOf } from '@bramble/api/object'
import { badRequest, StatusError } from '@bramble/api/status-error'
import type { ListResult } from '../api/requests.ts'
import { groupVersionOf, type ResourceDefinition } from '../api/resource.ts'
import { type IncludeObject, toPartial, toTable } from '../api/table.ts'
import type { HttpContext } from './http-env.ts'
import type { Representation } from './negotiate.ts'
import { type Headers, prettyWanted, respondText } from './respond.ts'

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
  if (shown.ofList === true) throw wrongShape('PartialObjectMetadataList', 'not a list', resource.kind)
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
    ...(resourceVersion !== '' && { resourceVersion }),
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
    if (shown.ofList === false) throw wrongShape('PartialObjectMetadata', 'a list', `${resource.kind}List`)
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

/** Source: apiserver pkg/endpoints/handlers/response.go asPartialObjectMetadata. */
const wrongShape = (asked: string, is: string, kind: string): StatusError =>
  new StatusError(406, 'NotAcceptable', `you requested ${asked}, but the requested object is ${is} (${kind})`)

async function respondIn(c: HttpContext, { format }: Representation, body: unknown, code = 200, headers: Headers = {}): Promise<Response> {
  if (format === 'json') {
    const text = prettyWanted(c) ? JSON.stringify(body, null, 2) : JSON.stringify(body)
    return respondText(c, `${text}\n`, code, { 'content-type': 'application/json', ...headers })
  }
  const { stringify } = await import('yaml')
  return respondText(c, stringify(body, { aliasDuplicateObjects: false }), code, { 'content-type': 'application/yaml', ...headers })
}

/** @throws StatusError 400 */
export function includeObject(query: URLSearchParams): IncludeObject {
  const asked = query.get('includeObject') || 'Metadata'
  if (asked === 'None' || asked === 'Metadata' || asked === 'Object') return asked
  throw badRequest(`unrecognized includeObject value: ${JSON.stringify(asked)}`)
}
