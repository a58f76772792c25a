import type { IncomingHttpHeaders } from 'node:http'

/** A page of the agent's own HTTP server, read with GET. Pages are a list: whoever has something to show makes one. */
export interface ServerRoute {
  /** `/metrics`. A segment `:name` stands for any one, of which the request tells. A slash at the end makes no difference. */
  readonly path: string
  /**
   * `tunnel`: only through the control plane, which has asked who they are and whether they may. `everybody`: also on the port of the
   * node's loopback, where nobody is asked; so nothing that is secret, and nothing that costs much.
   */
  readonly access: 'everybody' | 'tunnel'
  /** @throws StatusError, which is answered as its code and message. */
  handle(request: ServerRequest): Promise<ServerAnswer>
}

export interface ServerRequest {
  /** By the names in `path`. */
  readonly segments: Readonly<Record<string, string>>
  readonly query: URLSearchParams
  readonly headers: IncomingHttpHeaders
  /** Aborts when the client has gone. */
  readonly signal: AbortSignal
}

export interface ServerAnswer {
  /** Default 200. */
  readonly status?: number
  readonly contentType: string
  /** Parts are sent as the client takes them. */
  readonly body: string | Uint8Array | AsyncIterable<string | Uint8Array>
}

export const textAnswer = (body: string, status = 200): ServerAnswer => ({ status, contentType: 'text/plain; charset=utf-8', body })

export const jsonAnswer = (value: unknown): ServerAnswer => ({ contentType: 'application/json', body: JSON.stringify(value) })

/** The route of a path and what its segments stand for; undefined when there is none. Bad escapes are nobody's path. */
export function findRoute(
  routes: readonly ServerRoute[],
  path: string,
): { readonly route: ServerRoute; readonly segments: Readonly<Record<string, string>> } | undefined {
  const parts = partsOf(path)
  for (const route of routes) {
    const wanted = partsOf(route.path)
    if (wanted.length !== parts.length) continue
    const segments: Record<string, string> = {}
    const fits = wanted.every((want, index) => {
      const part = decoded(parts[index]!)
      if (!want.startsWith(':')) return want === part
      if (part === undefined || part === '') return false
      segments[want.slice(1)] = part
      return true
    })
    if (fits) return { route, segments }
  }
  return undefined
}

const partsOf = (path: string): readonly string[] => path.replace(/^\/|\/$/g, '').split('/')

function decoded(part: string): string | undefined {
  try {
    return decodeURIComponent(part)
  } catch {
    return undefined
  }
}
