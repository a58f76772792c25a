import { parseFieldSelector } from '@bramble/api/fields'
import type { UserInfo } from '../api/requests.ts'
import type { Attributes } from '../auth/attributes.ts'
import { authenticate } from '../auth/authenticate.ts'
import type { Authorizer } from '../auth/authorizer.ts'
import { impersonated } from '../auth/impersonate.ts'
import type { ServiceAccountTokens } from '../auth/service-account-tokens.ts'
import type { HttpContext } from './http-env.ts'
import { peerReader } from './peer.ts'
import { type RequestInfo, requestInfo, type ResourceRequest } from './request-info.ts'

/** A request that may go on. */
export interface Passed {
  readonly user: UserInfo
  readonly info: RequestInfo
}

export interface GateDeps {
  readonly authorizer: Authorizer
  readonly tokens: ServiceAccountTokens
  /** Who asks; nobody in particular: whom the client's certificate or token names. */
  readonly identify?: (() => UserInfo | undefined) | undefined
}

/**
 * Who asks, for what, and whether they may: every request passes here first, whatever becomes of it.
 *
 * @returns A function that throws StatusErrors: 401 for worthless credentials, 403 for what the user may not do, 400 and 405
 * for requests that mean nothing.
 */
export function createGate({ authorizer, tokens, identify }: GateDeps): (c: HttpContext, url: URL) => Promise<Passed> {
  const readPeer = peerReader()
  const verify = async (token: string): Promise<UserInfo | undefined> => (await tokens.verify(token))?.user
  return async (c, { pathname, searchParams }) => {
    const credentials = readPeer(c.req.header('authorization'), c.env?.incoming)
    const peer = identify?.() ?? (await authenticate(credentials, verify))
    const user = impersonated(peer, impersonationHeaders(c), authorizer)
    const info = requestInfo(c.req.method, pathname, searchParams)
    authorizer.demand(user, attributesOf(info, searchParams))
    if (opensPod(info)) authorizer.demand(user, { ...info, verb: 'create' })
    return { user, info }
  }
}

const INTO_PODS: ReadonlySet<string | undefined> = new Set(['attach', 'exec', 'portforward'])

/** A WebSocket is asked for with GET, but who may only read must not get into pods. Source: KEP-5721. */
const opensPod = (info: RequestInfo): info is ResourceRequest =>
  info.type === 'resource' && info.group === '' && info.plural === 'pods' && info.verb === 'get' && INTO_PODS.has(info.subresource)

/**
 * What somebody wants to do. A list or watch of one name is about that name.
 * @see Source: k8s.io/apiserver pkg/endpoints/request/requestinfo.go NewRequestInfo.
 */
function attributesOf(info: RequestInfo, query: URLSearchParams): Attributes {
  if (info.type === 'path' || (info.verb !== 'list' && info.verb !== 'watch') || !query.has('fieldSelector')) return info
  const name = selectedName(query.get('fieldSelector')!)
  return name === undefined ? info : { ...info, name }
}

function selectedName(selector: string): string | undefined {
  try {
    const named = parseFieldSelector(selector).find(({ path, operator }) => path === 'metadata.name' && operator === '=')
    return named && /^(?!\.{1,2}$)[^/%]+$/.test(named.value) ? named.value : undefined
  } catch {
    return undefined // whoever lists will say what is wrong with it
  }
}

/** Each value for itself: a group may have a comma in its name. Without a connection nobody knows better than to split there. */
function* impersonationHeaders(c: HttpContext): Generator<readonly [name: string, value: string]> {
  const incoming = c.env?.incoming
  if (!incoming) {
    for (const [name, values] of c.req.raw.headers)
      if (IMPERSONATION.test(name)) for (const value of values.split(', ')) yield [name, value]
    return
  }
  const { rawHeaders } = incoming
  for (let index = 0; index + 1 < rawHeaders.length; index += 2)
    if (IMPERSONATION.test(rawHeaders[index]!)) yield [rawHeaders[index]!, rawHeaders[index + 1]!]
}
const IMPERSONATION = /^impersonate-/i
