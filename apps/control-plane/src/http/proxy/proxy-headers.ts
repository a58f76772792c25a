/** Names and values by turns, as on the wire. */
export type RawHeaders = readonly string[]

/** Between two neighbours only. Source: RFC 9110 7.6.1; net/http/httputil ReverseProxy. */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
])
/** Who asks is nobody's business behind the API. */
const OURS = /^(authorization$|impersonate-)/
/** Answered here. */
const ANSWERED = new Set(['expect', 'host'])
/** What the backend allows other origins is not what the API allows them. Source: apimachinery pkg/util/proxy removeCORSHeaders. */
const CROSS_ORIGIN = new Set([
  'access-control-allow-credentials',
  'access-control-allow-headers',
  'access-control-allow-methods',
  'access-control-allow-origin',
])

export interface Forwarded {
  /** The `Host` that the client used. */
  readonly host: string
  /** Address of the client. */
  readonly from: string
  /** The path that the client asked for. */
  readonly uri: string
}

/** What the backend is told of a request. */
export function requestHeaders(headers: RawHeaders, { host, from, uri }: Forwarded): string[] {
  const kept = without(headers, (name) => OURS.test(name) || ANSWERED.has(name) || FORWARDED.has(name) || name.startsWith(':'))
  const before = values(headers, 'x-forwarded-for')
  return [...kept, 'Host', host, 'X-Forwarded-For', [...before, from].join(', '), 'X-Forwarded-Uri', uri]
}
const FORWARDED = new Set(['x-forwarded-for', 'x-forwarded-uri'])

/** What the client is told of the answer. @param redirect What becomes of a `Location`. */
export function responseHeaders(headers: RawHeaders, redirect: (location: string) => string): Record<string, string[]> {
  const kept = without(headers, (name) => CROSS_ORIGIN.has(name))
  const grouped: Record<string, string[]> = Object.create(null)
  for (let at = 0; at < kept.length; at += 2) {
    const [name, value] = [kept[at]!.toLowerCase(), kept[at + 1]!]
    grouped[name] = [...(grouped[name] ?? []), name === 'location' ? redirect(value) : value]
  }
  return grouped
}

/** All values of a header. @param name Lower case. */
export function values(headers: RawHeaders, name: string): readonly string[] {
  const found: string[] = []
  for (let at = 0; at < headers.length; at += 2) if (headers[at]!.toLowerCase() === name) found.push(headers[at + 1]!)
  return found
}

function without(headers: RawHeaders, drops: (name: string) => boolean): string[] {
  const listed = new Set(values(headers, 'connection').flatMap((value) => value.split(',').map((name) => name.trim().toLowerCase())))
  const kept: string[] = []
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at]!.toLowerCase()
    if (!HOP_BY_HOP.has(name) && !listed.has(name) && !drops(name)) kept.push(headers[at]!, headers[at + 1]!)
  }
  return kept
}
