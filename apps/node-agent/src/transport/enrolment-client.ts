import { createHash, X509Certificate } from 'node:crypto'
import { connect, type DetailedPeerCertificate } from 'node:tls'
import { SERVER_NAME } from '@bramble/link/control-plane-certificate'
import { parseToken } from '@bramble/link/join-token'
import type { EnrolmentClient as GrpcClient, EnrolResponse } from '@bramble/link/grpc/stream'
import type { Clock } from '@bramble/reconcile/env'
import type { CallOptions, Metadata, ServiceError } from '@grpc/grpc-js'
import type { DeviceFacts } from '../node/device-facts.ts'
import type { Identity } from './identity.ts'

/** What the control plane gave us. PEM. */
export interface Enrolled {
  readonly certificate: string
  readonly authority: string
  readonly mqttPort: number
  readonly streamPort: number
  /** IPv4 networks of all pods and of all cluster IPs. */
  readonly podNetwork: string
  readonly serviceNetwork: string
  /** The control plane's clock as it answered, epoch milliseconds; 0 where it did not say. */
  readonly timeMs: number
}

/** The message is the control plane's, or says what to check. `permanent`: trying again cannot help. */
export class EnrolmentError extends Error {
  override name = 'EnrolmentError'
  readonly permanent: boolean
  constructor(message: string, permanent: boolean, options?: ErrorOptions) {
    super(message, options)
    this.permanent = permanent
  }
}

/** What a machine says of itself when it asks to join. */
export interface JoinRequest {
  readonly nodeName: string
  /** PKCS #10, DER. */
  readonly csr: Uint8Array
  readonly device?: DeviceFacts
  /** `key=value:Effect`. */
  readonly taints?: readonly string[]
}

export interface EnrolmentClient {
  enrol(token: string, request: JoinRequest): Promise<Enrolled>
  renew(identity: Identity, csr: Uint8Array): Promise<Enrolled>
}

const LIMIT_MS = 20_000
/** gRPC codes after which the same request would fail again: INVALID_ARGUMENT, ALREADY_EXISTS, PERMISSION_DENIED, UNAUTHENTICATED. */
const PERMANENT = new Set([3, 6, 7, 16])

/** Enrolment over gRPC. grpc-js is loaded when it is needed, which is rarely: an idle agent does without it. */
export class GrpcEnrolmentClient implements EnrolmentClient {
  readonly #host: string
  readonly #port: number
  readonly #clock: Clock

  constructor(host: string, port: number, clock: Clock) {
    this.#host = host
    this.#port = port
    this.#clock = clock
  }

  /** The token says which authority to trust, so the first contact is as safe as all others. */
  async enrol(token: string, { nodeName, csr, device, taints = [] }: JoinRequest): Promise<Enrolled> {
    const { authorityFingerprint, wireToken } = parseJoinToken(token)
    const authority = await this.#presentedAuthority(authorityFingerprint)
    return this.#call(authority, (client, metadata, options, reply) =>
      client.enrol({ token: wireToken, nodeName, csr: Buffer.from(csr), device, taints: [...taints] }, metadata, options, reply),
    )
  }

  renew(identity: Identity, csr: Uint8Array): Promise<Enrolled> {
    const certificate = new X509Certificate(identity.certificate).raw
    return this.#call(identity.authority, (client, metadata, options, reply) =>
      client.renew({ certificate, csr: Buffer.from(csr) }, metadata, options, reply),
    )
  }

  /** PEM of the authority that the server shows, if its key is the one that the token names. */
  #presentedAuthority(fingerprint: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const where = `${this.#host}:${this.#port}`
      const socket = connect({
        host: this.#host,
        port: this.#port,
        servername: SERVER_NAME,
        rejectUnauthorized: false,
        ALPNProtocols: ['h2'],
        timeout: LIMIT_MS,
      })
      socket.once('secureConnect', () => {
        const authority = chainOf(socket.getPeerCertificate(true)).find((certificate) => fingerprintOf(certificate) === fingerprint)
        if (authority) resolve(authority.toString())
        else
          reject(
            new EnrolmentError(
              `the control plane at ${where} is not the one that made this token (its authority differs); check --server, or create a token there`,
              true,
            ),
          )
        socket.destroy()
      })
      socket.once('timeout', () => socket.destroy(new Error(`no answer within ${LIMIT_MS / 1000} s`)))
      socket.once('error', (error) =>
        reject(new EnrolmentError(`cannot reach the control plane's stream port at ${where}: ${error.message}`, false, { cause: error })),
      )
    })
  }

  async #call(
    authority: string,
    send: (client: GrpcClient, metadata: Metadata, options: CallOptions, reply: Reply) => unknown,
  ): Promise<Enrolled> {
    const [grpc, { EnrolmentClient: Client }] = await Promise.all([import('../host/grpc.ts'), import('@bramble/link/grpc/stream')])
    const client = new Client(`${this.#host}:${this.#port}`, grpc.controlPlaneCredentials(authority), {
      'grpc.ssl_target_name_override': SERVER_NAME,
      'grpc.default_authority': SERVER_NAME,
    })
    try {
      const response = await new Promise<EnrolResponse>((resolve, reject) => {
        send(client, new grpc.Metadata(), { deadline: this.#clock.nowMs() + LIMIT_MS }, (error, answer) =>
          error ? reject(error) : resolve(answer),
        )
      })
      return {
        certificate: new X509Certificate(response.certificate).toString(),
        authority: response.authorities.map((der) => new X509Certificate(der).toString()).join(''),
        mqttPort: response.mqttPort,
        streamPort: response.streamPort,
        podNetwork: response.podNetwork,
        serviceNetwork: response.serviceNetwork,
        timeMs: response.timeMs,
      }
    } catch (error) {
      const { code, details } = error as { code?: number; details?: string }
      throw new EnrolmentError(details ?? String(error), code !== undefined && PERMANENT.has(code), { cause: error })
    } finally {
      client.close()
    }
  }
}

type Reply = (error: ServiceError | null, response: EnrolResponse) => void

/** @throws EnrolmentError, permanent, that says what to paste. */
export function parseJoinToken(token: string): ReturnType<typeof parseToken> {
  try {
    return parseToken(token)
  } catch (error) {
    throw new EnrolmentError((error as Error).message, true, { cause: error })
  }
}

/** The chain as presented, leaf first. Node links each certificate to its issuer; the root links to itself. */
function chainOf(leaf: DetailedPeerCertificate): X509Certificate[] {
  const chain: X509Certificate[] = []
  for (
    let at: DetailedPeerCertificate | undefined = leaf;
    at?.raw && chain.length < 10;
    at = at.issuerCertificate === at ? undefined : at.issuerCertificate
  )
    chain.push(new X509Certificate(at.raw))
  return chain
}

const fingerprintOf = (certificate: X509Certificate): string =>
  createHash('sha256')
    .update(certificate.publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex')
