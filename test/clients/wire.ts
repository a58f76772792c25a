import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { Agent, request, type RequestOptions } from 'node:https'
import { createInterface } from 'node:readline'
import { KubeConfig } from '@kubernetes/client-node'

/** What client-go prefers, and takes instead. */
export const GO_ACCEPT = 'application/vnd.kubernetes.protobuf,application/json'
export const PROTOBUF = 'application/vnd.kubernetes.protobuf'

export interface Sent {
  /** Default: GET. */
  readonly method?: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  /** A buffer goes as it is, anything else as JSON. */
  readonly body?: unknown
}
export interface Answer {
  readonly code: number
  readonly headers: IncomingMessage['headers']
  readonly text: string
  // biome-ignore lint/suspicious/noExplicitAny: answers of every kind
  readonly json: any
}
export interface WatchEvent {
  readonly type: string
  // biome-ignore lint/suspicious/noExplicitAny: objects of every kind
  readonly object: any
}

/** Requests as some program sends them, byte for byte: real TLS, an administrator's certificate, HTTP/1.1. */
export class Wire {
  readonly server: URL
  readonly #options: RequestOptions
  readonly #agent: Agent

  private constructor(server: URL, options: RequestOptions) {
    this.server = server
    this.#options = options
    this.#agent = new Agent({ keepAlive: true, maxSockets: 4 })
  }

  static async open(kubeconfig: string): Promise<Wire> {
    const config = new KubeConfig()
    config.loadFromFile(kubeconfig)
    const options: RequestOptions = {}
    await config.applyToHTTPSOptions(options)
    const { ca, cert, key } = options
    return new Wire(new URL(config.getCurrentCluster()!.server), { ca, cert, key })
  }

  /** What a WebSocket needs to show. */
  get credentials(): RequestOptions {
    return this.#options
  }

  async send({ method = 'GET', path, headers = {}, body }: Sent): Promise<Answer> {
    const bytes = body === undefined || Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body))
    const response = await this.#request(
      method,
      path,
      this.#agent,
      {
        accept: 'application/json',
        ...(bytes && { 'content-type': Buffer.isBuffer(body) ? PROTOBUF : 'application/json', 'content-length': String(bytes.length) }),
        ...headers,
      },
      bytes,
    )
    const chunks: Buffer[] = []
    for await (const chunk of response) chunks.push(chunk as Buffer)
    const text = Buffer.concat(chunks).toString()
    return { code: response.statusCode!, headers: response.headers, text, json: text.startsWith('{') ? JSON.parse(text) : undefined }
  }

  /** Sends what must succeed. @returns The answer's object. @throws Error with the whole answer otherwise. */
  async must(sent: Sent): Promise<Answer['json']> {
    const { code, json, text } = await this.send(sent)
    if (code >= 300) throw new Error(`${sent.method ?? 'GET'} ${sent.path}: ${code} ${text}`)
    return json
  }

  /** Resolves when the headers are there. Its connection is closed when iteration ends. */
  async watch(
    path: string,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<{ readonly response: IncomingMessage; readonly events: AsyncGenerator<WatchEvent> }> {
    const response = await this.#request('GET', path, false, { accept: 'application/json', ...headers })
    return { response, events: eventsOf(response) }
  }

  close(): void {
    this.#agent.destroy()
  }

  async #request(
    method: string,
    path: string,
    agent: Agent | false,
    headers: Record<string, string>,
    body?: Buffer,
  ): Promise<IncomingMessage> {
    const { hostname: host, port } = this.server
    const outgoing = request({ ...this.#options, host, port, agent, method, path, headers })
    outgoing.end(body)
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
    return response
  }
}

async function* eventsOf(response: IncomingMessage): AsyncGenerator<WatchEvent> {
  try {
    for await (const line of createInterface(response)) yield JSON.parse(line) as WatchEvent
  } finally {
    response.destroy()
  }
}
