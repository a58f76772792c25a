import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { Agent, request } from 'node:https'
import type { KubeObject } from '@bramble/api/object'
import { parse } from 'yaml'

/** What a client of TLS needs to be an administrator. */
export interface Credentials {
  readonly servername: string
  readonly ca: string
  readonly cert: string
  readonly key: string
}
/** Where the API listens: a port, or a socket that leads to it. */
export type Address = { readonly host: string; readonly port: number } | { readonly socketPath: string }
export interface WatchEvent<T> {
  readonly type: string
  readonly object: T
  /** When it arrived, `performance.now()`. */
  readonly atMs: number
}

/** The Kubernetes API over HTTPS and HTTP/1.1, connections kept alive, as an administrator. */
export class ApiConnection {
  readonly authority: string
  readonly server: string
  readonly credentials: Credentials
  readonly #agent: Agent
  readonly #options: object

  private constructor(kubeconfig: string, address: Address, connectionsMax: number) {
    const config = parse(kubeconfig) as {
      clusters: { cluster: { server: string; 'certificate-authority-data': string } }[]
      users: { user: { 'client-certificate-data': string; 'client-key-data': string } }[]
    }
    const decode = (base64: string): string => Buffer.from(base64, 'base64').toString()
    const { user } = config.users[0]!
    this.server = config.clusters[0]!.cluster.server
    this.authority = decode(config.clusters[0]!.cluster['certificate-authority-data'])
    this.#agent = new Agent({ keepAlive: true, maxSockets: connectionsMax })
    this.credentials = {
      servername: 'bramble-control-plane',
      ca: this.authority,
      cert: decode(user['client-certificate-data']),
      key: decode(user['client-key-data']),
    }
    this.#options = { ...address, ...this.credentials }
  }

  /** @param connectionsMax Beside those of watches, which have one each. */
  static async open(kubeconfigPath: string, address: Address, connectionsMax = 1): Promise<ApiConnection> {
    return new ApiConnection(await readFile(kubeconfigPath, 'utf8'), address, connectionsMax)
  }

  /** @throws Error with the API's message when it refuses. */
  async call<T>(method: string, path: string, body?: unknown, contentType = 'application/json'): Promise<T> {
    const text = body === undefined ? undefined : JSON.stringify(body)
    const headers = {
      accept: 'application/json',
      ...(text !== undefined && { 'content-type': contentType, 'content-length': Buffer.byteLength(text) }),
    }
    const outgoing = request({ ...this.#options, agent: this.#agent, method, path, headers })
    outgoing.end(text)
    const [response] = await once(outgoing, 'response')
    const chunks: Buffer[] = []
    for await (const chunk of response) chunks.push(chunk as Buffer)
    const answer = JSON.parse(Buffer.concat(chunks).toString()) as T & { readonly message?: string }
    if (response.statusCode >= 400) throw new Error(`${method} ${path}: ${answer.message}`)
    return answer
  }

  /** Reads a body and drops it unparsed. @returns its length on the wire in bytes. */
  async read(path: string, headers: Readonly<Record<string, string>> = {}): Promise<number> {
    const outgoing = request({ ...this.#options, agent: this.#agent, path, headers: { accept: 'application/json', ...headers } })
    outgoing.end()
    const [response] = await once(outgoing, 'response')
    let bytes = 0
    for await (const chunk of response) bytes += (chunk as Buffer).length
    if (response.statusCode !== 200) throw new Error(`GET ${path}: ${response.statusCode}`)
    return bytes
  }

  /** Everything there is as ADDED, then every change, until `signal` aborts. Resolves when the API has answered. */
  async watch<T extends KubeObject>(path: string, signal: AbortSignal): Promise<AsyncIterable<WatchEvent<T>>> {
    const outgoing = request({
      ...this.#options,
      agent: false,
      path: `${path}${path.includes('?') ? '&' : '?'}watch=true`,
      headers: { accept: 'application/json' },
      signal,
    })
    outgoing.on('error', () => {}) // aborted
    outgoing.end()
    const [response] = await once(outgoing, 'response')
    return events(response, signal)
  }

  close(): void {
    this.#agent.destroy()
  }
}

async function* events<T>(chunks: AsyncIterable<Buffer>, signal: AbortSignal): AsyncIterable<WatchEvent<T>> {
  const decoder = new TextDecoder()
  let rest = ''
  try {
    for await (const chunk of chunks) {
      const atMs = performance.now()
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
      rest = lines.pop()!
      for (const line of lines) yield { ...(JSON.parse(line) as { type: string; object: T }), atMs }
    }
  } catch (error) {
    if (!signal.aborted) throw error
  }
}
