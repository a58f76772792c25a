import { createHash, X509Certificate } from 'node:crypto'
import { rm } from 'node:fs/promises'

import { backoffMs } from '@bramble/reconcile/backoff'
import type { Env } from '@bramble/reconcile/env'
import { formatTaint } from '@bramble/api/node-words'
import { type AgentConfig, defaultNodeName } from '../config.ts'
import { readIfPresent } from '../host/files.ts'
import type { DeviceFacts } from '../node/device-facts.ts'
import { EnrolmentError, GrpcEnrolmentClient, parseJoinToken } from './enrolment-client.ts'
import { type Identity, IdentityFiles, joinCluster, MembershipError, renew } from './identity.ts'

const RETRY_MIN_MS = 1_000
const RETRY_MAX_MS = 30_000
const RENEW_LOOK_MS = 6 * 3_600_000
const ISSUED_FOR_MS = 365 * 86_400_000
/** Renewed after two thirds of its time. */
const RENEW_BEFORE_MS = ISSUED_FOR_MS / 3

/**
 * How joining goes, one line for people.
 * @param isPermanent Trying again cannot help; only an operator can.
 */
export type JoinProgress = (step: 'joining' | 'failed', text: string, isPermanent: boolean) => Promise<void> | void

export interface JoinOptions {
  /** What this machine says of itself. */
  readonly device?: DeviceFacts
  readonly progress?: JoinProgress
  /** Told the control plane's clock, which it has proved to be its own, epoch milliseconds. */
  readonly time?: (timeMs: number) => Promise<void>
}

/** This machine's membership of a cluster: won with a token once, renewed by itself. */
export class Membership {
  readonly #files: IdentityFiles
  readonly #env: Env
  #identity: Identity
  /** It was won just now. */
  readonly isNew: boolean

  private constructor(files: IdentityFiles, identity: Identity, isNew: boolean, env: Env) {
    this.isNew = isNew
    this.#files = files
    this.#identity = identity
    this.#env = env
  }

  /** The newest one: certificates are renewed while the agent runs. */
  get identity(): Identity {
    return this.#identity
  }

  /**
   * Loads the membership, or joins; tries again for as long as the control plane cannot be reached.
   * @throws MembershipError or a permanent EnrolmentError when only an operator can help; undefined when `signal` aborted.
   */
  static async open(
    config: AgentConfig,
    folder: string,
    env: Env,
    signal: AbortSignal,
    options: JoinOptions = {},
  ): Promise<Membership | undefined> {
    try {
      return await Membership.#open(config, folder, env, signal, options)
    } catch (error) {
      if (!signal.aborted)
        await options.progress?.('failed', failureWords(error as Error), (error as { permanent?: boolean }).permanent === true)
      throw error
    }
  }

  static async #open(
    config: AgentConfig,
    folder: string,
    env: Env,
    signal: AbortSignal,
    options: JoinOptions,
  ): Promise<Membership | undefined> {
    const files = new IdentityFiles(folder)
    const token = config.token ?? (config.tokenFile === undefined ? undefined : (await readIfPresent(config.tokenFile))?.trim())
    const kept = await files.load()
    if (kept) {
      refuseOther(kept, config, token, folder)
      const identity = config.server === undefined || config.server === kept.server ? kept : await files.move(kept, config.server)
      await forgetToken(config)
      warnOfOtherBoard(kept, options.device?.serial ?? '', env)
      return new Membership(files, identity, false, env)
    }
    if (config.server === undefined)
      throw new MembershipError('this machine has not joined a cluster; say --server and --token, as "bramble token create" prints them')
    if (token === undefined || token === '')
      throw new MembershipError(
        'this machine has not joined a cluster; say --token (create one on the control plane with "bramble token create")',
      )
    const identity = await join(files, config, config.server, token, env, signal, options)
    if (!identity) return undefined
    await forgetToken(config)
    env.log.info('joined the cluster', { node: identity.nodeName })
    return new Membership(files, identity, true, env)
  }

  /** Renews the certificate in time, until `signal` aborts. An expired one is renewed as well: the key is what counts. */
  async keep(signal: AbortSignal): Promise<void> {
    let failures = 0
    while (!signal.aborted) {
      const endsMs = new X509Certificate(this.#identity.certificate).validToDate.getTime()
      if (endsMs - this.#env.clock.nowMs() > RENEW_BEFORE_MS) {
        await this.#env.clock.sleep(RENEW_LOOK_MS, signal)
        continue
      }
      try {
        const client = new GrpcEnrolmentClient(new URL(this.#identity.server).hostname, this.#identity.streamPort, this.#env.clock)
        this.#identity = await renew(this.#files, client, this.#identity)
        failures = 0
        this.#env.log.info('certificate renewed')
        await this.#env.clock.sleep(RENEW_LOOK_MS, signal) // whatever the new one says: the clocks may differ
      } catch (error) {
        failures++
        this.#env.log.warn('the certificate could not be renewed, will retry', { failures, error })
        await this.#env.clock.sleep(backoffMs(failures, RETRY_MIN_MS, RENEW_LOOK_MS, this.#env.random), signal)
      }
    }
  }
}

async function join(
  files: IdentityFiles,
  config: AgentConfig,
  server: string,
  token: string,
  env: Env,
  signal: AbortSignal,
  { device, progress, time }: JoinOptions,
): Promise<Identity | undefined> {
  const client = new GrpcEnrolmentClient(new URL(server).hostname, config.streamPort, env.clock)
  const nodeName = config.nodeName ?? defaultNodeName(device?.hostname, device?.serial)
  const request = { nodeName, taints: config.taints.map(formatTaint), ...(device && { device }) }
  for (let failures = 1; !signal.aborted; failures++) {
    try {
      const { identity, timeMs } = await joinCluster(files, client, token, request, server)
      await time?.(timeMs)
      return identity
    } catch (error) {
      if (!(error instanceof EnrolmentError) || error.permanent) throw error
      env.log.warn(`cannot join yet: ${error.message}`, { failures })
      await progress?.('joining', error.message, false)
      await env.clock.sleep(backoffMs(failures, RETRY_MIN_MS, RETRY_MAX_MS, env.random), signal)
    }
  }
  return undefined
}

/** A card that is late is the usual one, and its operator does not sit at a terminal. */
const failureWords = ({ message }: Error): string =>
  /^the join token (expired|is used up)/.test(message) ? `${message}; if this machine boots from a flashed card, make a new card` : message

function refuseOther(kept: Identity, config: AgentConfig, token: string | undefined, folder: string): void {
  if (config.nodeName !== undefined && config.nodeName !== kept.nodeName)
    throw new MembershipError(
      `this machine has joined as node "${kept.nodeName}", not "${config.nodeName}"; leave --node-name out, or start over with "bramble reset --yes"`,
    )
  if (token === undefined || token === '') return
  if (parseJoinToken(token).authorityFingerprint !== fingerprintOf(kept.authority))
    throw new MembershipError(
      `this machine is a node of another cluster (its certificate is in ${folder}); to move it to the token's cluster, run "bramble reset --yes" first`,
    )
}

/** A card that was moved is as good as ever; of two that are alike the one that connects first is the node. */
function warnOfOtherBoard({ board, nodeName }: Identity, serial: string, { log }: Env): void {
  if (board === undefined || serial === '' || board === serial) return
  log.warn(
    `this card joined as node "${nodeName}" on board ${board}, and is on board ${serial} now; if it is a copy and that board has the other: bramble reset --yes; rm -f /etc/machine-id; systemd-machine-id-setup; then join with a new token under another name`,
  )
}

/** A token is good once; a file with one would be a secret that nobody needs. */
const forgetToken = async ({ tokenFile }: AgentConfig): Promise<void> => {
  if (tokenFile !== undefined) await rm(tokenFile, { force: true })
}

const fingerprintOf = (pem: string): string =>
  createHash('sha256')
    .update(new X509Certificate(pem).publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex')
