import { badRequest } from '@bramble/api/status-error'

export interface ProxyPath {
  /** As the client wrote it, up to and with `/proxy`. */
  readonly prefix: string
  /** The rest, as the client wrote it: '', or from its `/` on. */
  readonly path: string
}

/**
 * Parts the path of a proxied request, escapes as they were: who is asked may mean something else by `%2F` than by `/`.
 *
 * @param decodedPrefix What was authorized: `/api/v1/nodes/x/proxy`.
 * @throws StatusError 400 when the path does not begin with it.
 */
export function proxyPath(pathname: string, decodedPrefix: string): ProxyPath {
  for (let at = pathname.indexOf('/', 1); ; at = pathname.indexOf('/', at + 1)) {
    const prefix = at < 0 ? pathname : pathname.slice(0, at)
    if (decodeURIComponent(prefix) === decodedPrefix) return { prefix, path: pathname.slice(prefix.length) }
    if (at < 0) throw badRequest(`invalid path ${JSON.stringify(pathname)}`)
  }
}

/**
 * Where a backend's redirect leads, seen from the client: within the backend it goes through the proxy, elsewhere it stays as it is.
 *
 * @param hosts By which the backend may name itself.
 * @see Source: apimachinery pkg/util/proxy transport.go rewriteURL.
 */
export function redirected(location: string, hosts: readonly string[], prefix: string): string {
  const [, scheme = '', host, path = '', rest = ''] = /^([a-z][a-z\d+.-]*:)?(?:\/\/([^/?#]*))?([^?#]*)(.*)$/is.exec(location) ?? []
  const isElsewhere = (host !== undefined && !hosts.includes(host)) || (scheme !== '' && host === undefined)
  if (isElsewhere || (!path.startsWith('/') && host === undefined)) return location
  const absolute = path === '' ? '/' : path
  return `${absolute.startsWith(prefix) ? absolute : `${prefix}${absolute}`}${rest}`
}
