import { connect, constants } from 'node:http2'
import { PROBE_USER_AGENT } from './probe-dialer.ts'

// One unary call, by hand: a gRPC library would stay in memory for the sake of a message of a few bytes.
// Source: grpc "GRPC Health Checking Protocol", "gRPC over HTTP2".

const UNIMPLEMENTED = '12'
/** Flag and length before a message. */
const PREFIX_BYTES = 5
/** An answer is two bytes; what is much longer is none. */
const ANSWER_BYTES_MAX = 1024
const STATUSES = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN']

/**
 * Asks `grpc.health.v1.Health/Check`. @param address Host and port.
 * @param connected Called when the server is reached.
 * @throws Error in Kubernetes' words unless the service is SERVING.
 * @see Source: Kubernetes pkg/probe/grpc.
 */
export async function checkHealth(address: string, service: string, connected: () => void, signal: AbortSignal): Promise<void> {
  const session = connect(`http://${address}`, { settings: { enablePush: false } })
  const stop = (): void => session.destroy()
  signal.addEventListener('abort', stop, { once: true })
  try {
    await new Promise<void>((resolve, reject) => {
      session.once('connect', () => {
        connected()
        resolve()
      })
      session.once('error', reject)
      session.once('close', () => reject(new Error('connection closed')))
    }).catch((error: Error) => {
      throw new Error(`error: failed to connect service at "${address}": ${error.message}`, { cause: error })
    })
    const { headers, trailers, body } = await call(session, service)
    const status = String(trailers['grpc-status'] ?? headers['grpc-status'] ?? '')
    const message = decoded(String(trailers['grpc-message'] ?? headers['grpc-message'] ?? ''))
    if (status === UNIMPLEMENTED)
      throw new Error(`error: this server does not implement the grpc health protocol (grpc.health.v1.Health): ${message}`)
    if (status !== '0') throw new Error(`error: health rpc probe failed: rpc error: code = ${codeName(status)} desc = ${message}`)
    const serving = servingStatus(body)
    if (serving !== 'SERVING') throw new Error(`service unhealthy (responded with "${serving}")`)
  } finally {
    signal.removeEventListener('abort', stop)
    session.on('error', () => {}) // it may still notice how it was ended
    session.destroy()
  }
}

type Headers = Readonly<Record<string, unknown>>

/** Messages are percent-encoded; what is not stays as it is. */
const decoded = (text: string): string => text.replace(/%[0-9a-f]{2}/gi, (byte) => String.fromCharCode(Number.parseInt(byte.slice(1), 16)))

function call(
  session: ReturnType<typeof connect>,
  service: string,
): Promise<{ readonly headers: Headers; readonly trailers: Headers; readonly body: Buffer }> {
  return new Promise((resolve, reject) => {
    const stream = session.request({
      [constants.HTTP2_HEADER_METHOD]: 'POST',
      [constants.HTTP2_HEADER_PATH]: '/grpc.health.v1.Health/Check',
      [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc',
      [constants.HTTP2_HEADER_USER_AGENT]: PROBE_USER_AGENT,
      te: 'trailers',
    })
    const fail = (why: string): void => reject(new Error(`error: health rpc probe failed: ${why}`))
    let headers: Headers = {}
    let trailers: Headers = {}
    let body = Buffer.alloc(0)
    stream.once('response', (given) => {
      headers = given
      if (given[':status'] !== 200)
        fail(`rpc error: code = Unknown desc = unexpected HTTP status code received from server: ${given[':status']}`)
    })
    stream.once('trailers', (given) => {
      trailers = given
    })
    stream.on('data', (chunk: Buffer) => {
      body = Buffer.concat([body, chunk])
      if (body.length > ANSWER_BYTES_MAX) {
        stream.close(constants.NGHTTP2_CANCEL)
        fail('the answer is too long')
      }
    })
    stream.once('end', () => resolve({ headers, trailers, body }))
    stream.once('error', ({ message }) => fail(message))
    stream.once('close', () => fail('stream closed'))
    stream.end(request(service))
  })
}

/** HealthCheckRequest: `service` is field 1. */
function request(service: string): Buffer {
  const name = Buffer.from(service)
  const message = name.length === 0 ? name : Buffer.concat([Buffer.from([0x0a, ...varint(name.length)]), name])
  const prefix = Buffer.alloc(PREFIX_BYTES)
  prefix.writeUInt32BE(message.length, 1)
  return Buffer.concat([prefix, message])
}

function varint(value: number): readonly number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)]
}

/** HealthCheckResponse: `status` is field 1; absent: UNKNOWN. */
function servingStatus(body: Buffer): string {
  const message = body.subarray(PREFIX_BYTES)
  const status = message[0] === 0x08 ? (message[1] ?? 0) : 0
  return STATUSES[status] ?? String(status)
}

const CODES = [
  ...['OK', 'Canceled', 'Unknown', 'InvalidArgument', 'DeadlineExceeded', 'NotFound', 'AlreadyExists', 'PermissionDenied'],
  ...['ResourceExhausted', 'FailedPrecondition', 'Aborted', 'OutOfRange', 'Unimplemented', 'Internal', 'Unavailable', 'DataLoss'],
  'Unauthenticated',
]
const codeName = (status: string): string => CODES[Number(status)] ?? 'Unknown'
