import { X509Certificate } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { formatToken, newJoinToken, type TokenTerms } from '@bramble/link/join-token'
import { type Clock, type Env, type Log, type LogFields, systemClock } from '@bramble/reconcile/env'
import { silentLog } from '@bramble/reconcile/log'
import { LocalClient } from '../../apps/control-plane/src/api/local-client.ts'
import { Enrolment } from '../../apps/control-plane/src/enrolment/enrolment.ts'
import { testApi } from '../../apps/control-plane/src/http/http.fixture.ts'
import { keyFingerprint, openPki, type Pki } from '../../apps/control-plane/src/pki/pki.ts'
import { namespaces } from '../../apps/control-plane/src/resources/namespace.ts'
import { secrets } from '../../apps/control-plane/src/resources/secret.ts'
import { NodeStreams } from '../../apps/control-plane/src/transport/node-streams.ts'
import { type AskNode, StreamServer } from '../../apps/control-plane/src/transport/stream-server.ts'
import { parseAgentConfig } from '../../apps/node-agent/src/config.ts'
import { Membership } from '../../apps/node-agent/src/transport/membership.ts'

const DAY_MS = 86_400_000

/** The time of this machine, or a time that a test sets apart from it. */
export class ShiftedClock implements Clock {
  shiftMs = 0
  nowMs = (): number => systemClock.nowMs() + this.shiftMs
  monotonicMs = (): number => systemClock.monotonicMs()
  sleep = (ms: number, signal?: AbortSignal): Promise<void> => systemClock.sleep(ms, signal)
}

export const envOf = (clock: Clock, log: Log = silentLog): Env => ({ clock, random: () => 0, log })

/** A test, or its file: `{ after }` of node:test. */
interface Scope {
  after(cleanUp: () => Promise<void>): void
}

/** Removed when the test, or its file, has ended. */
export async function temporaryFolder(t: Scope): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-test-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** A cluster's authority, in a folder of its own. Signing costs; share one among the tests of a file. */
export async function anAuthority(t: Scope, clock: Clock = systemClock): Promise<Pki> {
  return openPki(await temporaryFolder(t), [], ['127.0.0.1'], clock)
}

export interface ControlPlaneOptions {
  readonly pki: Pki
  readonly clock?: Clock
  readonly ask?: AskNode
}

/** The part of a control plane that nodes enrol with and dial in to, on loopback, over a store in memory. */
export async function aControlPlane(
  t: Scope,
  { pki, clock = systemClock, ask = () => Promise.reject(new Error('no link')) }: ControlPlaneOptions,
) {
  const env = envOf(clock)
  const { store, resources } = await testApi({ env })
  const client = new LocalClient({ store, resources })
  await client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'kube-system' } })
  const enrolment = new Enrolment(client, pki, env)
  const options = { host: '127.0.0.1', port: 0, mqttPort: 8883, podNetwork: '10.42.0.0/16', serviceNetwork: '10.43.0.0/16', pki }
  const streams = new StreamServer(options, enrolment, ask, env)
  let running = new AbortController()
  let stopped = streams.run(running.signal)
  const stop = async (): Promise<void> => {
    running.abort()
    await stopped
  }
  t.after(stop)
  options.port = await streams.listening
  return {
    client,
    resources,
    store,
    env,
    streams,
    nodeStreams: new NodeStreams(streams, clock),
    enrolment,
    port: options.port,
    stop,
    /** Again, after `stop`, on the same port. */
    async start(): Promise<void> {
      running = new AbortController()
      stopped = streams.run(running.signal)
      await streams.listening
    },
    /** A token as a person would paste it. */
    async token({ ttlMs = DAY_MS, uses = 1, ...terms }: Partial<TokenTerms> = {}): Promise<string> {
      const { token, secret } = newJoinToken({ ttlMs, uses, ...terms }, clock.nowMs())
      await client.create(secrets, secret)
      return formatToken(keyFingerprint(new X509Certificate(pki.authority)), token)
    },
  }
}

/** `Membership.open` as the agent's main does it. @param given Settings by the names of their flags. */
export const openMembership = (
  folder: string,
  given: Record<string, unknown>,
  env: Env = envOf(systemClock),
  signal: AbortSignal = AbortSignal.timeout(20_000),
): Promise<Membership | undefined> =>
  Membership.open(parseAgentConfig({ 'data-dir': folder, ...given }), join(folder, 'identity'), env, signal)

/** A log that hands on its warnings. */
export const warningsTo = (tell: (message: string, fields: LogFields) => void): Log => ({
  ...silentLog,
  warn: (message, fields = {}) => tell(message, fields),
})
