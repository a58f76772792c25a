import type { Environment } from '@marcbachmann/cel-js'
import { registerAll, RuleError } from './register.ts'

class Url {
  readonly scheme: string
  readonly host: string
  readonly path: string
  readonly query: string
  constructor(scheme: string, host: string, path: string, query: string) {
    this.scheme = scheme
    this.host = host
    this.path = path
    this.query = query
  }
  toString(): string {
    return JSON.stringify([this.scheme, this.host, this.path, this.query])
  }
}

/**
 * `url("https://example.com/")` and its parts.
 * @see Source: k8s.io/apiserver pkg/cel/library/urls.go.
 */
export function registerUrls(environment: Environment): void {
  environment.registerType('Url', { ctor: Url, fields: {} })
  environment.registerOperator('Url == Url', (a: Url, b: Url) => String(a) === String(b))
  registerAll(environment, {
    'url(string): Url': (text: string) => {
      const url = parse(text)
      if (!url) throw new RuleError(`URL parse error during conversion from string: parse ${JSON.stringify(text)}: invalid URI for request`)
      return url
    },
    'isURL(string): bool': (text: string) => parse(text) !== undefined,
    'Url.getScheme(): string': ({ scheme }: Url) => scheme,
    'Url.getHost(): string': ({ host }: Url) => host,
    'Url.getHostname(): string': ({ host }: Url) => host.replace(/:\d*$/, '').replace(/^\[(.*)\]$/, '$1'),
    'Url.getPort(): string': ({ host }: Url) => /:(\d+)$/.exec(host)?.[1] ?? '',
    'Url.getEscapedPath(): string': ({ path }: Url) => path,
    'Url.getQuery(): map<string, list<string>>': ({ query }: Url) => {
      const found = new Map<string, string[]>()
      for (const [name, value] of new URLSearchParams(query)) found.set(name, [...(found.get(name) ?? []), value])
      return found
    },
  })
}

/** An absolute URL or an absolute path, as requests name them. */
function parse(text: string): Url | undefined {
  if (/[\s\u0000-\u001f\u007f]/.test(text) || /%(?![0-9a-f]{2})/i.test(text)) return undefined
  const match = /^(?:([a-z][a-z0-9+.-]*):\/\/(?:[^/?#@]*@)?([^/?#]*))?(\/[^?#]*)?(?:\?([^#]*))?(?:#.*)?$/i.exec(text)
  if (!match || (match[1] === undefined && match[3] === undefined)) return undefined
  const host = match[2] ?? ''
  if (!/^(\[[0-9a-f:.]+\]|[^[\]:]*)(:\d*)?$/i.test(host)) return undefined
  return new Url((match[1] ?? '').toLowerCase(), host, encodeURI(decodeSafely(match[3] ?? '')), match[4] ?? '')
}

function decodeSafely(path: string): string {
  try {
    return decodeURI(path)
  } catch {
    return path
  }
}
