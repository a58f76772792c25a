import type { SpdyStream } from '../spdy/spdy-stream.ts'

/** The two streams of one forwarded connection. */
export interface StreamPair {
  readonly port: number
  readonly data: SpdyStream
  readonly error: SpdyStream
}

/**
 * Finds the streams that belong together. @see Source: kubelet pkg/cri/streaming/portforward, httpstream.go, whose checks and words these are.
 */
export class StreamPairs {
  readonly #waiting = new Map<string, SpdyStream>()

  /** @returns The pair that `stream` completes. @throws Error for one that is none of a forwarded connection. */
  add(stream: SpdyStream): StreamPair | undefined {
    const type = typeOf(stream)
    const port = portOf(stream)
    const id = requestId(stream, type)
    const other = this.#waiting.get(id)
    if (!other) {
      this.#waiting.set(id, stream)
      return undefined
    }
    if (typeOf(other) === type) throw new Error(`error processing stream for request ${id}: ${type} stream already assigned`)
    this.#waiting.delete(id)
    return type === 'data' ? { port, data: stream, error: other } : { port: portOf(other), data: other, error: stream }
  }

  /** Gives up on a stream whose other half never came. @returns Whether it was still alone. */
  forget(stream: SpdyStream): boolean {
    const id = requestId(stream, typeOf(stream))
    return this.#waiting.get(id) === stream && this.#waiting.delete(id)
  }
}

function typeOf({ headers }: SpdyStream): 'data' | 'error' {
  const type = headers.get('streamtype') ?? ''
  if (type === '') throw new Error('"streamType" header is required')
  if (type !== 'data' && type !== 'error') throw new Error(`invalid stream type ${JSON.stringify(type)}`)
  return type
}

function portOf({ headers }: SpdyStream): number {
  const text = headers.get('port') ?? ''
  if (text === '') throw new Error('"port" header is required')
  return parsePort(text)
}

/** @throws Error in kubelet's words. */
export function parsePort(text: string): number {
  const port = Number(text)
  if (!/^\d{1,5}$/.test(text) || port > 0xffff) throw new Error(`unable to parse ${JSON.stringify(text)} as a port`)
  if (port < 1) throw new Error(`port ${JSON.stringify(text)} must be > 0`)
  return port
}

/** Old clients send none; their two streams come one after the other. */
const requestId = ({ headers, id }: SpdyStream, type: 'data' | 'error'): string =>
  headers.get('requestid') || `${type === 'error' ? id : id - 2}`
