import { badRequest, methodNotAllowed } from '@bramble/api/status-error'
import type { Verb } from '../api/resource.ts'

/**
 * A request for objects: `/{api/v1|apis/G/V}/[namespaces/NS/]RESOURCE[/NAME[/SUBRESOURCE]]`. Old clients watch with `watch/` after
 * the version; then there may be a name as well.
 */
export interface ResourceRequest {
  readonly type: 'resource'
  readonly verb: Verb
  readonly group: string
  readonly version: string
  /** Of `namespaces/x` itself: x. */
  readonly namespace?: string
  readonly plural: string
  readonly name?: string
  readonly subresource?: string
  /** After `proxy`: what is asked of the backend. */
  readonly proxied?: string
}
/** A request for anything else: discovery, health, version. */
export interface PathRequest {
  readonly type: 'path'
  /** The method in lower case; HEAD asks for what GET does. */
  readonly verb: string
  readonly path: string
}
export type RequestInfo = ResourceRequest | PathRequest

/**
 * What a request is about, before anyone knows whether such a kind exists.
 *
 * @param path Still percent-encoded.
 * @throws StatusError 400 when the path's escapes are broken, 405 for methods that mean nothing to objects.
 * @see Source: k8s.io/apiserver pkg/endpoints/request/requestinfo.go NewRequestInfo.
 */
export function requestInfo(method: string, path: string, query: URLSearchParams): RequestInfo {
  const decoded = decodePath(path)
  const parts = decoded.replace(/^\/+|\/+$/g, '').split('/')
  const rest = parts[0] === 'api' ? parts.slice(2) : parts[0] === 'apis' ? parts.slice(3) : []
  if (rest.length === 0) return { type: 'path', verb: method === 'HEAD' ? 'get' : method.toLowerCase(), path: decoded }

  const group = parts[0] === 'api' ? '' : parts[1]!
  const version = parts[0] === 'api' ? parts[1]! : parts[2]!
  const isOldWatch = rest[0] === 'watch' && rest.length > 1 && method === 'GET'
  const target = targetOf(isOldWatch ? rest.slice(1) : rest)
  const verb = isOldWatch
    ? 'watch'
    : verbOf(target.proxied !== undefined && method === 'OPTIONS' ? 'GET' : method, target.name !== undefined, query)
  return { type: 'resource', verb, group, version, ...target }
}

type Target = Pick<ResourceRequest, 'namespace' | 'plural' | 'name' | 'subresource' | 'proxied'>

const NAMESPACE_SUBRESOURCES = new Set(['status', 'finalize'])

function targetOf(rest: readonly string[]): Target {
  const [first, second, third] = rest
  if (first !== 'namespaces' || second === undefined) return named(rest)
  const ofNamespace = third === undefined || (rest.length === 3 && NAMESPACE_SUBRESOURCES.has(third))
  return { namespace: second, ...named(ofNamespace ? rest : rest.slice(2)) }
}

const named = ([plural, name, ...subresource]: readonly string[]): Target => ({
  plural: plural!,
  ...(name !== undefined && { name }),
  ...(subresource[0] === 'proxy'
    ? { subresource: 'proxy', proxied: subresource.slice(1).join('/') }
    : subresource.length > 0 && { subresource: subresource.join('/') }),
})

function verbOf(method: string, isNamed: boolean, query: URLSearchParams): Verb {
  switch (method) {
    case 'POST':
      return 'create'
    case 'PUT':
      return 'update'
    case 'PATCH':
      return 'patch'
    case 'DELETE':
      return isNamed ? 'delete' : 'deletecollection'
    case 'GET':
    case 'HEAD':
      if (isNamed) return 'get'
      return method === 'GET' && isTrue(query.get('watch')) ? 'watch' : 'list'
    default:
      throw methodNotAllowed()
  }
}

/** A boolean query parameter: `watch`, `watch=1`, `watch=true`. Source: queryparams of apimachinery, Convert_Slice_string_To_bool. */
export const isTrue = (value: string | null): boolean => value !== null && !['false', '0'].includes(value.toLowerCase())

function decodePath(path: string): string {
  if (!path.includes('%')) return path
  try {
    return decodeURIComponent(path)
  } catch (error) {
    throw badRequest(`invalid path ${JSON.stringify(path)}: broken percent-encoding`, { cause: error })
  }
}
