import { X509Certificate } from 'node:crypto'
import { isReason } from '@bramble/api/status-error'
import type { Secret } from '@bramble/api/types/core'
import type { Node } from '@bramble/api/types/node'
import { DEVICE_KEY, DEVICE_SERIAL } from '@bramble/api/types/node-identity'
import type { EnrolRequest } from '@bramble/link/grpc/stream'
import {
  isTokenOf,
  type JoinToken,
  parseWireToken,
  readToken,
  redeem,
  TOKEN_NAMESPACE,
  tokenSecretName,
  WRONG_TOKEN,
} from '@bramble/link/join-token'
import { backoffMs } from '@bramble/reconcile/backoff'
import type { Env } from '@bramble/reconcile/env'
import type { ApiClient } from '../api/client.ts'
import { keyFingerprint, NODE_GROUP, type Pki } from '../pki/pki.ts'
import { nodes } from '../resources/node.ts'
import { secrets } from '../resources/secret.ts'
import { DeviceRequests } from './device-requests.ts'
import { EnrolmentRefused } from './enrolment-refused.ts'
import { type Joiner, readJoiner } from './joiner.ts'
import { type Gifts, giftsOf, newNode, nodeOfDevice } from './node-of-device.ts'
import { type EnrolmentPlan, isCurrentDevice, planEnrolment } from './plan.ts'
import { RemovedDevices } from './removed-devices.ts'

const RACES_MAX = 5

/** Turns join tokens into node certificates, and node certificates into newer ones. */
export class Enrolment {
  readonly #client: ApiClient
  readonly #pki: Pki
  readonly #env: Env
  readonly #requests: DeviceRequests
  readonly #removed: RemovedDevices

  constructor(client: ApiClient, pki: Pki, env: Env) {
    this.#client = client
    this.#pki = pki
    this.#env = env
    this.#requests = new DeviceRequests(client)
    this.#removed = new RemovedDevices(client)
  }

  /**
   * @param request Its token is `<id>.<secret>`. @param address Where it came from. @returns the certificate, DER.
   * @throws EnrolmentRefused when the token, the name or the request is no good, or somebody must approve the device first.
   */
  async enrol(request: Pick<EnrolRequest, 'token' | 'nodeName' | 'csr'> & Partial<EnrolRequest>, address?: string): Promise<Buffer> {
    const token = parseWireToken(request.token)
    if (!token)
      throw new EnrolmentRefused('unauthenticated', 'the join token is malformed; paste the whole line that "bramble token create" printed')
    const record = this.#record(token)
    if (!isTokenOf(record, token)) throw new EnrolmentRefused('unauthenticated', WRONG_TOKEN) // the rest costs: not for strangers
    const joiner = readJoiner(request, address)
    this.#redeemed(token, joiner) // a token that is no good must not tell which names are taken
    const plan = this.#plan(token, joiner)
    if (plan.type === 'refuse') throw new EnrolmentRefused(plan.kind, plan.why)
    if (plan.type === 'ask') return this.#ask(token, joiner)

    const certificate = await this.#certify(joiner.nodeName, joiner.csr)
    await this.#redeem(token, joiner)
    await this.#store(token, joiner, giftsOf(readToken(record!)))
    await this.#removed.forget(joiner.device)
    await this.#requests.answered(joiner, certificate.toString())
    return certificate.raw
  }

  /** A device that this authority knows renews with its own key, even when its certificate has run out. @throws EnrolmentRefused */
  async renew(currentDer: Uint8Array, csr: Uint8Array): Promise<Buffer> {
    const current = parseCertificate(currentDer)
    const authority = new X509Certificate(this.#pki.authority)
    const nodeName = /^CN=system:node:(.+)$/m.exec(current.subject)?.[1]
    if (!current.verify(authority.publicKey) || nodeName === undefined || !current.subject.includes(`O=${NODE_GROUP}`))
      throw new EnrolmentRefused('unauthenticated', 'the certificate is not from this cluster; join again with a new token')
    const device = keyFingerprint(current)
    if (!this.mayConnect(nodeName, device))
      throw new EnrolmentRefused(
        'taken',
        `node "${nodeName}" is another device now, or was removed; to join again, run "bramble reset --yes" here and use a new token`,
      )
    const certificate = await this.#certify(nodeName, csr)
    if (keyFingerprint(certificate) !== device)
      throw new EnrolmentRefused('unauthenticated', 'the request is signed with another key than the certificate')
    return certificate.raw
  }

  /** Whether a device with a good certificate is still the node of that name. @param device Fingerprint of its key. */
  mayConnect(nodeName: string, device: string): boolean {
    return isCurrentDevice(this.#client.get(nodes, nodeName), device) && !this.#removed.has(device)
  }

  /** A card was moved to another board, or the Node is from before serials were known. Never rejects. */
  async seenBoard(nodeName: string, serial: string): Promise<void> {
    const before = this.#client.get(nodes, nodeName)?.metadata.annotations
    if (before?.[DEVICE_KEY] === undefined || before[DEVICE_SERIAL] === serial) return
    try {
      await this.#client.patch(nodes, nodeName, { metadata: { annotations: { [DEVICE_SERIAL]: serial } } })
      this.#env.log.info('a node is on another board', { node: nodeName, before: before[DEVICE_SERIAL], board: serial })
    } catch (error) {
      this.#env.log.warn('the board of a node was not noted', { node: nodeName, error })
    }
  }

  /** Tells the names of nodes whose device may have changed, or that are gone, until `signal` aborts. */
  async *deviceChanges(signal: AbortSignal): AsyncGenerator<string> {
    for await (const { type, object, previous } of this.#client.watch(nodes, signal))
      if (type === 'DELETED' || (previous && deviceKeyOf(previous) !== deviceKeyOf(object))) yield object.metadata.name
  }

  #plan(token: JoinToken, joiner: Joiner): EnrolmentPlan {
    const { nodeName = '', serial = '' } = this.#facts(token) ?? {}
    return planEnrolment(joiner, {
      nodes: this.#client.list(nodes),
      token: { nodeName, serial },
      decision: this.#requests.decision(joiner),
    })
  }

  /** The token stays its own while it waits. */
  async #ask(token: JoinToken, joiner: Joiner): Promise<never> {
    const { nodeName, serial, address } = joiner
    await this.#redeem(token, joiner)
    if (!this.#requests.isShown(joiner))
      this.#env.log.warn('a board with a new card waits for approval', { node: nodeName, serial, address })
    const why = await this.#requests.show(joiner, token.id)
    throw new EnrolmentRefused(
      why === undefined ? 'waiting' : 'taken',
      why ??
        `waiting for approval: bramble node approve ${nodeName} (node "${nodeName}" is known, this is its board ${serial}, and its card is a new one)`,
    )
  }

  async #certify(nodeName: string, csr: Uint8Array): Promise<X509Certificate> {
    try {
      return new X509Certificate(await this.#pki.certifyNode(nodeName, csr))
    } catch (error) {
      this.#env.log.warn('refused a certificate request', { node: nodeName, error })
      throw new EnrolmentRefused('invalid', 'the certificate request is malformed or its signature is wrong')
    }
  }

  #record(token: JoinToken): Secret | undefined {
    return this.#client.get(secrets, `${TOKEN_NAMESPACE}/${tokenSecretName(token.id)}`)
  }

  #facts(token: JoinToken): ReturnType<typeof readToken> | undefined {
    const record = this.#record(token)
    return record && readToken(record)
  }

  /** @returns the record with this use counted; undefined when it is counted already. @throws EnrolmentRefused */
  #redeemed(token: JoinToken, joiner: Joiner): Secret | undefined {
    const verdict = redeem(this.#record(token), token, joiner, this.#env.clock.nowMs())
    if (!verdict.ok) throw new EnrolmentRefused('unauthenticated', verdict.why)
    return verdict.record
  }

  async #redeem(token: JoinToken, joiner: Joiner): Promise<void> {
    await this.#untilNoRace(async () => {
      const record = this.#redeemed(token, joiner)
      if (record) await this.#client.update(secrets, record)
    })
  }

  /** As planned, on the Node as it is now: another device may have asked for the same name just now. */
  async #store(token: JoinToken, joiner: Joiner, gifts: Gifts): Promise<void> {
    const { nodeName } = joiner
    await this.#untilNoRace(async () => {
      const plan = this.#plan(token, joiner)
      const node = this.#client.get(nodes, nodeName)
      if (plan.type === 'refuse') throw new EnrolmentRefused(plan.kind, plan.why)
      if (plan.type === 'repeat') return
      if (!node) await this.#client.create(nodes, newNode(joiner, gifts))
      else await this.#client.update(nodes, nodeOfDevice(node, joiner, gifts))
      const because = plan.type === 'readopt' && { because: plan.because }
      this.#env.log.info(because ? 'node adopted by a new device' : 'node enrolled', { node: nodeName, token: token.id, ...because })
    })
  }

  async #untilNoRace(write: () => Promise<void>): Promise<void> {
    for (let races = 1; ; races++) {
      try {
        await write()
        return
      } catch (error) {
        if (!isReason(error, 'Conflict', 'AlreadyExists', 'NotFound') || races === RACES_MAX) throw error // another node was faster
        await this.#env.clock.sleep(backoffMs(races, 5, 100, this.#env.random))
      }
    }
  }
}

const deviceKeyOf = (node: Node): string | undefined => node.metadata.annotations?.[DEVICE_KEY]

function parseCertificate(der: Uint8Array): X509Certificate {
  try {
    return new X509Certificate(der)
  } catch {
    throw new EnrolmentRefused('invalid', 'the current certificate is malformed; join again with a new token')
  }
}
