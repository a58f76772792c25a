import { keyOf, type KubeObject, type ObjectKey } from '@bramble/api/object'
import { serviceUnavailable } from '@bramble/api/status-error'
import type { Assignment, LinkHandler, LinkServer, ServerSession, StatusReport } from '@bramble/link/link'
import type { Env } from '@bramble/reconcile/env'
import { Signal } from '@bramble/reconcile/signal'
import type { ApiClient } from '../api/client.ts'
import type { ResourceDefinition } from '../api/resource.ts'
import type { ServiceAccountTokens, TokenIssuer } from '../auth/service-account-tokens.ts'
import type { EventRecorder, EventSource } from '../controllers/events.ts'
import { configMaps } from '../resources/config-map.ts'
import { endpointSlices } from '../resources/endpoint-slice.ts'
import { nodes } from '../resources/node.ts'
import { persistentVolumeClaims } from '../resources/persistent-volume-claim.ts'
import { persistentVolumes } from '../resources/persistent-volume.ts'
import { pods } from '../resources/pod.ts'
import { secrets } from '../resources/secret.ts'
import { serviceAccounts } from '../resources/service-account.ts'
import { csiDrivers } from '../resources/storage/csi-driver.ts'
import { services } from '../resources/service.ts'
import { AssignmentIndex, type Changes } from './assignment-index.ts'
import { NodeLeases } from './node-leases.ts'
import { PodTokens } from './pod-tokens.ts'
import { StatusIntake } from './status-intake.ts'
import { skewComplaint } from './version-skew.ts'

const LEASE_RENEW_MS = 10_000
/** How long a burst of changes is gathered. Longer when all nodes must hear of it and they are many: the work stays bounded. */
const GATHER_MS = 5
const GATHER_PER_NODE_MS = 0.2
const GATHER_MAX_MS = 250

/** How often it is looked whose tokens are old. The shortest are replaced two minutes before their end. */
const TOKENS_LOOK_MS = 60_000

/** Kinds that nodes see or that decide what they see; named ones first so that they are known when a pod names them. */
const WATCHED: readonly ResourceDefinition[] = [
  configMaps,
  secrets,
  csiDrivers,
  persistentVolumes,
  persistentVolumeClaims,
  serviceAccounts,
  services,
  endpointSlices,
  nodes,
  pods,
] as readonly ResourceDefinition[]
const WATCHED_BY_KIND: ReadonlyMap<string, ResourceDefinition> = new Map(WATCHED.map((resource) => [resource.kind, resource]))

interface NodeSession {
  readonly session: ServerSession
  /** What the node was told last; `undefined` when that is not known, so that it must be told all. */
  version: string | undefined
}

export interface NodeGatewayDeps {
  readonly client: ApiClient
  readonly env: Env
  readonly linkServer: LinkServer
  readonly tokens: Pick<ServiceAccountTokens, 'issuer'>
  readonly events: EventSource
  /** Of this program, for comparing with those of agents. */
  readonly serverVersion?: string
}

export const createNodeGateway = (deps: NodeGatewayDeps): NodeGateway => new NodeGateway(deps)

/** The control plane's side of all nodes: tells each what it shall know, and writes down what it reports. */
export class NodeGateway {
  readonly #client: ApiClient
  readonly #env: Env
  readonly #linkServer: LinkServer
  readonly #tokens: NodeGatewayDeps['tokens']
  readonly #index: AssignmentIndex
  readonly #intake: StatusIntake
  readonly #leases: NodeLeases
  readonly #events: EventRecorder
  readonly #serverVersion: string | undefined
  readonly #sessions = new Map<string, NodeSession>()
  readonly #changed = new Signal()
  #issuer: TokenIssuer | undefined

  constructor({ client, env, linkServer, tokens, events, serverVersion }: NodeGatewayDeps) {
    this.#client = client
    this.#env = env
    this.#linkServer = linkServer
    this.#tokens = tokens
    this.#events = events.as('node-gateway')
    this.#serverVersion = serverVersion
    const find = (kind: string, key: ObjectKey): KubeObject | undefined => client.get(WATCHED_BY_KIND.get(kind)!, key)
    const issue: TokenIssuer['issue'] = (...order) => this.#issuer!.issue(...order)
    this.#index = new AssignmentIndex(find, new PodTokens({ find, tokens: { issue }, nowMs: () => env.clock.nowMs() }))
    this.#intake = new StatusIntake(client, env, events)
    this.#leases = new NodeLeases(client, env.clock)
  }

  /** Serves nodes until `signal` aborts. @throws when the link cannot be served. */
  async run(signal: AbortSignal): Promise<void> {
    this.#issuer = await this.#tokens.issuer()
    // All that is there is known before the first node is told what it shall run; what is missing would be stopped.
    for (const resource of WATCHED)
      for (const object of this.#client.list(resource)) this.#index.update(resource.kind, keyOf(object), object)
    this.#index.takeOwn()
    this.#index.takeShared()

    const failed = new AbortController()
    const stop = AbortSignal.any([signal, failed.signal])
    const parts = [
      ...WATCHED.map((resource) => this.#watch(resource, stop)),
      this.#pushOwn(stop),
      this.#pushShared(stop),
      this.#renewLeases(stop),
      this.#rotateTokens(stop),
      this.#linkServer.run(this.#handler, stop),
    ]
    try {
      await Promise.all(parts)
    } finally {
      failed.abort()
      await Promise.allSettled(parts)
      this.#sessions.clear()
    }
  }

  /**
   * Asks a node to dial the stream server and carry a stream.
   * @throws StatusError 503 when the node is not connected.
   */
  async requestStream(nodeName: string, id: string): Promise<void> {
    const open = this.#sessions.get(nodeName)
    if (!open) throw serviceUnavailable(`node ${nodeName} is not connected`)
    try {
      await open.session.stream({ id })
    } catch (error) {
      throw serviceUnavailable(`node ${nodeName} is not connected`, { cause: error })
    }
  }

  readonly #handler: LinkHandler = {
    opened: async (session) => {
      const { nodeName, hello } = session
      this.#env.log.info('node connected', { node: nodeName, agentVersion: hello.agentVersion })
      const open: NodeSession = { session, version: hello.have }
      this.#sessions.set(nodeName, open)
      try {
        if (hello.have !== this.#index.version(nodeName)) await this.#tellAll(nodeName, open)
      } catch (error) {
        this.#sessions.delete(nodeName)
        throw error
      }
      this.#tellOfSkew(nodeName, hello.agentVersion)
      await this.#renew(nodeName)
    },
    resync: async (session) => {
      const open = this.#sessions.get(session.nodeName)
      if (open?.session === session) await this.#tellAll(session.nodeName, open)
    },
    reported: async (session, reports: readonly StatusReport[]) => {
      await this.#intake.take(session.nodeName, reports)
      if (reports.some(({ type }) => type === 'node-status')) await this.#renew(session.nodeName) // it may be new
    },
    closed: async (session, why) => {
      const { nodeName } = session
      if (this.#sessions.get(nodeName)?.session === session) this.#sessions.delete(nodeName)
      this.#env.log.info('node disconnected', { node: nodeName, why })
      if (why === 'replaced') return
      await this.#intake.markLost(nodeName, why === 'goodbye' ? 'The agent stopped' : 'The link to the node was lost')
    },
  }

  #tellOfSkew(nodeName: string, agentVersion: string): void {
    const complaint = skewComplaint(this.#serverVersion, agentVersion)
    if (complaint === undefined) return
    this.#env.log.warn('versions are far apart', { node: nodeName, complaint })
    const node = this.#client.get(nodes, nodeName)
    if (node) this.#events.record(node, 'Warning', 'VersionSkew', complaint)
  }

  async #watch(resource: ResourceDefinition, signal: AbortSignal): Promise<void> {
    for await (const { object } of this.#client.watch(resource, signal)) {
      const key = keyOf(object)
      this.#index.update(resource.kind, key, this.#client.get(resource, key)) // events may be behind what is there
      this.#changed.notify()
    }
    if (!signal.aborted) throw new Error(`the watch of ${resource.plural} ended`)
  }

  async #pushOwn(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (this.#index.changes.own.size === 0) {
        await this.#changed.wait(signal)
        continue
      }
      await this.#env.clock.sleep(GATHER_MS, signal)
      const own = this.#index.takeOwn()
      await Promise.all([...own.keys()].map((nodeName) => this.#tell(nodeName, { shared: this.#index.changes.shared, own })))
    }
  }

  async #pushShared(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (this.#index.changes.shared.size === 0) {
        await this.#changed.wait(signal)
        continue
      }
      await this.#env.clock.sleep(Math.min(GATHER_MS + this.#sessions.size * GATHER_PER_NODE_MS, GATHER_MAX_MS), signal)
      const shared = this.#index.takeShared()
      await Promise.all([...this.#sessions.keys()].map((nodeName) => this.#tell(nodeName, { shared, own: this.#index.changes.own })))
    }
  }

  /** @param changes All that the node may not have been told yet; more does no harm. */
  async #tell(nodeName: string, changes: Changes): Promise<void> {
    const open = this.#sessions.get(nodeName)
    if (!open || open.version === this.#index.version(nodeName)) return
    try {
      if (open.version === undefined) await this.#tellAll(nodeName, open)
      else await this.#assign(open, this.#index.increment(nodeName, open.version, changes))
    } catch (error) {
      if (error instanceof RangeError) this.#env.log.error('a node shall know more than the link carries', { node: nodeName, error })
      else this.#env.log.debug('a node went away before it was told of a change', { node: nodeName, error })
    }
  }

  #tellAll(nodeName: string, open: NodeSession): Promise<void> {
    return this.#assign(open, this.#index.complete(nodeName))
  }

  /** The version moves in the same instant as the message leaves, so that messages always chain. */
  async #assign(open: NodeSession, assignment: Assignment): Promise<void> {
    open.version = assignment.version
    try {
      await open.session.assign(assignment)
    } catch (error) {
      open.version = undefined
      throw error
    }
  }

  async #renewLeases(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#env.clock.sleep(LEASE_RENEW_MS, signal)
      for (const nodeName of [...this.#sessions.keys()]) {
        if (signal.aborted) return
        await this.#renew(nodeName)
      }
    }
  }

  async #renew(nodeName: string): Promise<void> {
    try {
      await this.#leases.renew(nodeName)
    } catch (error) {
      this.#env.log.warn('the lease of a node was not renewed', { node: nodeName, error })
    }
  }

  async #rotateTokens(signal: AbortSignal): Promise<void> {
    for (;;) {
      await this.#env.clock.sleep(TOKENS_LOOK_MS, signal)
      if (signal.aborted) return
      this.#index.rotateTokens()
      this.#changed.notify()
    }
  }
}
