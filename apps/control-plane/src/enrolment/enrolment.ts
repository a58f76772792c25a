import { X509Certificate } from 'node:crypto'
import { isReason } from '@bramble/api/status-error'
import type { Secret } from '@bramble/api/types/core'
import type { Node } from '@bramble/api/types/node'
import { isNodeName, NODE_NAME_RULE } from '@bramble/api/node-words'
import type { Env } from '@bramble/reconcile/env'
import { backoffMs } from '@bramble/reconcile/backoff'
import type { ApiClient } from '../api/client.ts'
import { keyFingerprint, NODE_GROUP, type Pki } from '../pki/pki.ts'
import { nodes } from '../resources/node.ts'
import { secrets } from '../resources/secret.ts'
import { isTokenOf, type JoinToken, parseWireToken, redeem, TOKEN_NAMESPACE, tokenSecretName, WRONG_TOKEN } from '@bramble/link/join-token'

/** The device key is the identity: this annotation of a Node says which device may use its name. */
export const DEVICE_KEY_ANNOTATION = 'bramble.dev/device-key'
const RACES_MAX = 5

/** Refused; the message is for the operator of the node. */
export class EnrolmentRefused extends Error {
  override name = 'EnrolmentRefused'
  readonly kind: 'unauthenticated' | 'invalid' | 'taken'
  constructor(kind: EnrolmentRefused['kind'], message: string) {
    super(message)
    this.kind = kind
  }
}

/** Turns join tokens into node certificates, and node certificates into newer ones. */
export class Enrolment {
  readonly #client: ApiClient
  readonly #pki: Pki
  readonly #env: Env

  constructor(client: ApiClient, pki: Pki, env: Env) {
    this.#client = client
    this.#pki = pki
    this.#env = env
  }

  /**
   * @param wireToken `<id>.<secret>`. @param csr PKCS #10, DER. @returns the certificate, DER.
   * @throws EnrolmentRefused when the token, the name or the request is no good.
   */
  async enrol(wireToken: string, nodeName: string, csr: Uint8Array): Promise<Buffer> {
    if (!isNodeName(nodeName))
      throw new EnrolmentRefused('invalid', `node name ${JSON.stringify(nodeName.slice(0, 100))} ${NODE_NAME_RULE} (--node-name)`)
    const token = parseWireToken(wireToken)
    if (!token)
      throw new EnrolmentRefused('unauthenticated', 'the join token is malformed; paste the whole line that "bramble token create" printed')
    if (!isTokenOf(this.#record(token), token)) throw new EnrolmentRefused('unauthenticated', WRONG_TOKEN) // signing costs: not for strangers
    const certificate = await this.#certify(nodeName, csr)
    const device = keyFingerprint(certificate)
    this.#refuseTakenName(nodeName, device)
    await this.#redeem(token, nodeName, device)
    await this.#announce(nodeName, device)
    this.#env.log.info('node enrolled', { node: nodeName, token: token.id })
    return certificate.raw
  }

  /** A device that this authority knows renews with its own key, even when its certificate has run out. @throws EnrolmentRefused */
  async renew(currentDer: Uint8Array, csr: Uint8Array): Promise<Buffer> {
    const current = parseCertificate(currentDer)
    const authority = new X509Certificate(this.#pki.authority)
    const nodeName = /^CN=system:node:(.+)$/m.exec(current.subject)?.[1]
    if (!current.verify(authority.publicKey) || nodeName === undefined || !current.subject.includes(`O=${NODE_GROUP}`))
      throw new EnrolmentRefused('unauthenticated', 'the certificate is not from this cluster; join again with a new token')
    const certificate = await this.#certify(nodeName, csr)
    if (keyFingerprint(certificate) !== keyFingerprint(current))
      throw new EnrolmentRefused('unauthenticated', 'the request is signed with another key than the certificate')
    this.#refuseTakenName(nodeName, keyFingerprint(current))
    return certificate.raw
  }

  async #certify(nodeName: string, csr: Uint8Array): Promise<X509Certificate> {
    try {
      return new X509Certificate(await this.#pki.certifyNode(nodeName, csr))
    } catch (error) {
      this.#env.log.warn('refused a certificate request', { node: nodeName, error })
      throw new EnrolmentRefused('invalid', 'the certificate request is malformed or its signature is wrong')
    }
  }

  #refuseTakenName(nodeName: string, device: string): void {
    const owner = this.#client.get(nodes, nodeName)?.metadata.annotations?.[DEVICE_KEY_ANNOTATION]
    if (owner !== undefined && owner !== device)
      throw new EnrolmentRefused(
        'taken',
        `node name "${nodeName}" belongs to another device; choose another with --node-name, or remove the old one: kubectl delete node ${nodeName}`,
      )
  }

  #record(token: JoinToken): Secret | undefined {
    return this.#client.get(secrets, `${TOKEN_NAMESPACE}/${tokenSecretName(token.id)}`)
  }

  async #redeem(token: JoinToken, nodeName: string, device: string): Promise<void> {
    for (let races = 1; ; races++) {
      const verdict = redeem(this.#record(token), token, { nodeName, device }, this.#env.clock.nowMs())
      if (!verdict.ok) throw new EnrolmentRefused('unauthenticated', verdict.why)
      if (!verdict.record) return
      try {
        await this.#client.update(secrets, verdict.record)
        return
      } catch (error) {
        if (!isReason(error, 'Conflict') || races === RACES_MAX) throw error // another node used the same token just now
        await this.#env.clock.sleep(backoffMs(races, 5, 100, this.#env.random))
      }
    }
  }

  /** The node shows up at once, and its name is taken by its key. */
  async #announce(nodeName: string, device: string): Promise<void> {
    const annotations = { [DEVICE_KEY_ANNOTATION]: device }
    const node = {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: nodeName, annotations, labels: { 'kubernetes.io/hostname': nodeName } },
      spec: {},
    }
    try {
      await this.#client.create<Node>(nodes, node)
    } catch (error) {
      if (!isReason(error, 'AlreadyExists')) throw error
      await this.#client.patch(nodes, nodeName, { metadata: { annotations } })
    }
  }
}

function parseCertificate(der: Uint8Array): X509Certificate {
  try {
    return new X509Certificate(der)
  } catch {
    throw new EnrolmentRefused('invalid', 'the current certificate is malformed; join again with a new token')
  }
}
