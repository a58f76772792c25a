import type { NodeConfig } from '@bramble/api/types/node-config'
import type { Pod } from '@bramble/api/types/pod'
import type { Assigned } from '@bramble/link/assignment'
import type { NodeLink, StatusReport, StreamRequest } from '@bramble/link/link'
import { StatusOutbox } from '@bramble/link/status-outbox'
import { allOrNone } from '@bramble/reconcile/all-or-none'
import type { Env } from '@bramble/reconcile/env'
import { Signal } from '@bramble/reconcile/signal'
import type { CardStatus } from './card/card-status.ts'
import { tellCard } from './card/tell-card.ts'
import type { Routes } from './network/routes/host-routes.ts'
import { ProxyReconciler } from './network/service-proxy/proxy-reconciler.ts'
import type { ServiceProxy } from './network/service-proxy/service-proxy.ts'
import { serviceTable } from './network/service-proxy/service-table.ts'
import { Metering, type MeteringSettings, RuntimeOperations } from './metering.ts'
import { LinkSessions } from './link-sessions.ts'
import { type HealthSettings, NodeHealth } from './node-health.ts'
import { NodeNetwork } from './node-network.ts'
import { NodeReporter } from './node-reporter.ts'
import type { NodeFindings, NodeStatusSettings } from './node/node-status.ts'
import type { SystemFacts } from './node/system-facts.ts'
import { NodeShutdown, type ShutdownSettings } from './node-shutdown.ts'
import { type MeansSettings, PodMeans } from './pod-means.ts'
import type { HookMarks } from './pods/lifecycle/hook-marks.ts'
import { type LogLimits, rotateLogs, runningLogs } from './pods/log-rotation.ts'
import { oneStream, podLogs } from './pods/logs.ts'
import { EventLimit } from './pods/event-limit.ts'
import { PodEvents } from './pods/events.ts'
import type { PodFiles } from './pods/pod-files.ts'
import { PodReconciler } from './pods/pod-reconciler.ts'
import type { ProbeDialer } from './pods/probes/probe-dialer.ts'
import { PodStreams } from './pods/streams/pod-streams.ts'
import { ReleasedVolumes } from './pods/volumes/local-path/released-volumes.ts'
import { StaticPodFolder } from './pods/static-pods/static-pod-folder.ts'
import type { Runtime } from './runtime/runtime.ts'
import type { AssignedStore } from './state/assigned.ts'
import { AgentServer } from './server/agent-server.ts'
import { healthRoutes } from './server/health-routes.ts'
import { logRoutes } from './server/log-routes.ts'
import { podRoutes } from './server/pod-routes.ts'
import { AssignedIndex } from './state/assigned-index.ts'
import type { StreamSources } from './transport/carry-call.ts'
import type { Releases } from './update/releases.ts'
import { Updater } from './update/updater.ts'

export interface AgentSettings {
  /** Name, version, labels and address of this node. */
  readonly node: NodeStatusSettings
  /** All pods of the cluster, e.g. 10.42.0.0/16. */
  readonly podNetwork: string
  /** All cluster IPs, e.g. 10.43.0.0/16. */
  readonly serviceNetwork: string
  /** Where containers' logs are kept, e.g. /var/log/pods. */
  readonly logFolder: string
  /** Manifests of pods that this node runs of its own accord; absent: none. */
  readonly staticPodFolder?: string
  /** Absent: nobody says so when the machine goes down. */
  readonly shutdown?: ShutdownSettings
  /** Absent: logs are left to grow. */
  readonly logLimits?: LogLimits
  /** Of this node's own pages, on 127.0.0.1; absent or 0: none. */
  readonly localPort?: number
}

export interface AgentParts {
  readonly env: Env
  readonly link: NodeLink
  readonly runtime: Runtime
  readonly proxy: ServiceProxy
  readonly facts: SystemFacts
  readonly assigned: AssignedStore
  readonly files: PodFiles
  readonly dialer: ProbeDialer
  /** Which postStart hooks are done, beyond the life of this agent. */
  readonly hookMarks?: HookMarks
  readonly settings: AgentSettings
  /** Images, devices and rights of pods; absent: images come from registries, and that is all. */
  readonly means?: MeansSettings
  /** What is done when the node runs short; absent: nothing. */
  readonly health?: HealthSettings
  /** Where use is read; absent: nothing is measured. */
  readonly metering?: MeteringSettings
  /** The card that this node was flashed on, where its first boot is told; absent where it was set up otherwise. */
  readonly card?: Pick<CardStatus, 'problems' | 'tell'>
  /** Routes to the pods of other nodes; absent where something else makes them. */
  readonly routes?: Pick<Routes, 'sync'>
  /** Told this node's share of the pod addresses; absent where the runtime makes the network itself. */
  readonly podNetwork?: { setCidr(cidr: string): Promise<void> }
  /** How this agent becomes another version; absent: it stays what it is, and says nothing of it. */
  readonly update?: { readonly releases?: Releases; readonly restart: () => void }
  /** Carries bytes for the control plane; absent: stream requests are ignored. Never rejects. */
  readonly streams?: (sources: StreamSources) => { carry(request: StreamRequest, signal: AbortSignal): Promise<void> }
}

export interface Agent {
  /**
   * Works until `signal` aborts; pods go on running then. Starts pods from the saved assignment before any network is there.
   * @throws what a part threw unexpectedly, after all others have stopped: start it again.
   */
  run(signal: AbortSignal): Promise<void>
}

const SAVE_PAUSE_MS = 2_000
const SAVE_RETRY_MS = 30_000

/** Puts the parts of a node agent together; `main` brings real ones, the simulation its own. */
export const createAgent = (parts: AgentParts): Agent => ({ run: (signal) => runAgent(parts, signal) })

async function runAgent(given: AgentParts, signal: AbortSignal): Promise<void> {
  const limit = new EventLimit(given.env.clock)
  const outbox = new StatusOutbox((report) => limit.accepts(report))
  const operations = new RuntimeOperations(given.env.clock)
  const parts = given.metering ? { ...given, runtime: operations.watch(given.runtime) } : given
  const { env, facts, runtime, settings } = parts
  const send = (report: StatusReport): void => {
    const told = running.pods.translate(report)
    if (told) outbox.put(told)
  }
  const { nodeName, version } = settings.node
  const means = parts.means && new PodMeans({ env, nodeName, runtime, send, pods: () => running.pods, settings: parts.means })
  const devices = means && { devices: () => means.deviceCounts() }
  const pods = (): PodReconciler => running.pods
  const tellNode = (): Promise<void> => reporter.refresh()
  const health = parts.health && new NodeHealth({ env, nodeName, settings: parts.health, send, pods, means, changed: tellNode })
  const updater =
    parts.update &&
    new Updater({
      ...{ env, version, ...parts.update, changed: tellNode },
      config: () => running.config,
      session: () => running.sessions.open,
      isReady: () => reporter.notReady === undefined,
    })
  const findings = (): NodeFindings => {
    const found = health?.findings()
    return { ...found, conditions: [...(found?.conditions ?? []), ...(updater?.conditions ?? [])] }
  }
  const reporter = await NodeReporter.create({ env, facts, runtime, settings: settings.node, send, ...devices, findings })
  const metering =
    parts.metering &&
    new Metering({
      ...{ env, nodeName, version, runtime, reporter, send, operations, files: parts.files, settings: parts.metering },
      pods,
      link: () => running.sessions.facts,
    })
  const running = new RunningAgent(parts, outbox, reporter, means, metering, health, updater)
  await running.start()
  await allOrNone(signal, [
    (until) => running.pods.run(until),
    (until) => running.volumes.run(until),
    (until) => running.proxy.run(until),
    (until) => running.network.run(until),
    (until) => running.saveAssignments(until),
    (until) => reporter.run(() => running.pods.wakeAll(), until),
    (until) => running.sessions.run(until),
    (until) => running.server.run(settings.localPort ?? 0, until),
    (until) => running.rotateLogs(until),
    (until) => running.followStaticPods(until),
    (until) => running.shutdown?.run(until) ?? new Signal().wait(until),
    (until) => means?.run(until) ?? new Signal().wait(until),
    (until) => metering?.usage.run(until) ?? new Signal().wait(until),
    (until) => health?.run(until) ?? new Signal().wait(until),
    (until) => updater?.run(until) ?? new Signal().wait(until),
    (until) => running.tellCard(until),
  ])
}

/** What an agent has while it runs: one assignment, and the parts that follow it. */
class RunningAgent {
  readonly pods: PodReconciler
  readonly proxy: ProxyReconciler
  readonly volumes: ReleasedVolumes
  readonly server: AgentServer
  readonly network: NodeNetwork
  readonly sessions: LinkSessions
  readonly #parts: AgentParts
  readonly #reporter: NodeReporter
  readonly #index = new AssignedIndex()
  readonly #change = new Signal()
  readonly #events: PodEvents
  readonly #staticPods: StaticPodFolder | undefined
  readonly shutdown: NodeShutdown | undefined
  #savedVersion: string | undefined
  #saving: Promise<void> = Promise.resolve()

  constructor(
    parts: AgentParts,
    outbox: StatusOutbox,
    reporter: NodeReporter,
    means: PodMeans | undefined,
    metering: Metering | undefined,
    health: NodeHealth | undefined,
    updater: Updater | undefined,
  ) {
    const { env, runtime, files, dialer, settings, proxy } = parts
    this.#parts = parts
    this.#reporter = reporter
    this.proxy = new ProxyReconciler(proxy, env)
    this.volumes = new ReleasedVolumes({ env, files, send: (report) => outbox.put(report) })
    this.pods = new PodReconciler({
      env,
      nodeName: settings.node.nodeName,
      runtime,
      files,
      dialer,
      source: this.#index,
      ...(parts.hookMarks && { hookMarks: parts.hookMarks }),
      hasStaticPods: settings.staticPodFolder !== undefined,
      admit: (pod: Pod) => health?.admit(pod) ?? means?.admit(pod),
      ...(means && { images: means.images, policy: means.policy }),
      node: () => reporter.nodeFacts,
      logFolder: settings.logFolder,
      send: (report) => outbox.put(report),
      beforeLeaving: () => this.#save().catch((error: unknown) => env.log.warn('a pod leaves before that is saved', { error })),
    })
    const { podNetwork, routes } = parts
    const { nodeName } = settings.node
    this.network = new NodeNetwork({
      ...{ env, nodeName, podNetwork, routes },
      nodes: () => this.#index.nodes(),
      synced: () => this.pods.wakeAll(),
    })
    const events = new PodEvents(env, nodeName, (report) => outbox.put(report))
    this.#events = events
    this.#staticPods =
      settings.staticPodFolder === undefined
        ? undefined
        : new StaticPodFolder({
            folder: settings.staticPodFolder,
            nodeName,
            env,
            failed: (path, why) => events.recordOfNode('Warning', 'FailedValidation', `Error validating pods of ${path}, ignoring: ${why}`),
          })
    this.shutdown = settings.shutdown && new NodeShutdown({ env, pods: this.pods, reporter, outbox, settings: settings.shutdown })
    const streams = new PodStreams(this.pods, runtime)
    const logs = podLogs(this.pods, env.clock)
    this.server = new AgentServer(
      [
        ...healthRoutes(() => reporter.notReady),
        ...podRoutes(this.pods),
        ...logRoutes(this.pods, logs, env.clock),
        ...(metering?.routes ?? []),
      ],
      env.log,
    )
    const carrier = parts.streams?.({
      logs: ({ stream, ...request }, until) => logs({ ...request, ...oneStream(stream) }, until),
      exec: (request, until) => streams.exec(request, until),
      attach: (request, until) => streams.attach(request, until),
      forward: (request, until) => (request.podUid === '' ? this.server.connect() : streams.forward(request, until)),
    })
    this.sessions = new LinkSessions({
      ...{ env, link: parts.link, agentVersion: settings.node.version, outbox },
      assigned: () => this.#index.assigned,
      take: (assigned) => {
        this.#take(assigned)
        updater?.look()
      },
      tellAll: async () => {
        if (await reporter.look()) this.pods.wakeAll() // with the link came an address, as like as not
        reporter.tell()
        this.pods.tellAll()
        metering?.usage.tellAll()
        updater?.look()
      },
      carry: async (request, signal) => carrier?.carry(request, signal),
    })
  }

  /** What this node is told about itself. */
  get config(): NodeConfig | undefined {
    return this.#index.nodeConfig(this.#parts.settings.node.nodeName)
  }

  /** What was assigned last, and what the node runs of its own accord, before any network. */
  async start(): Promise<void> {
    const own = await this.#staticPods?.scan()
    if (own) this.pods.assignStatic(own)
    const saved = await this.#parts.assigned.load()
    this.#reporter.tell()
    if (!saved) return
    this.#savedVersion = saved.version
    this.#take(saved)
    try {
      await this.network.sync()
    } catch (error) {
      this.#parts.env.log.warn('the network of pods is not ready yet', { error })
    }
  }

  async followStaticPods(signal: AbortSignal): Promise<void> {
    if (this.#staticPods) await this.#staticPods.run((pods) => this.pods.assignStatic(pods), signal)
    else await new Signal().wait(signal)
  }

  /** Says on the card that the node is Ready, once; then only waits. */
  async tellCard(signal: AbortSignal): Promise<void> {
    const { card, env, settings } = this.#parts
    const warn = this.#events.recordOfNode.bind(this.#events, 'Warning')
    const isReady = (): boolean => this.sessions.open !== undefined && this.#reporter.notReady === undefined
    if (card) await tellCard({ card, nodeName: settings.node.nodeName, clock: env.clock, isReady, warn }, signal)
    await new Signal().wait(signal)
  }

  async rotateLogs(signal: AbortSignal): Promise<void> {
    const { env, runtime, settings } = this.#parts
    if (!settings.logLimits) return new Signal().wait(signal)
    const logs = () => runningLogs(this.pods.all())
    await rotateLogs({ runtime, logs, limits: settings.logLimits, clock: env.clock, log: env.log }, signal)
  }

  /** Keeps the newest assignment on the disk; a burst of changes is written once. */
  async saveAssignments(signal: AbortSignal): Promise<void> {
    const { env } = this.#parts
    while (!signal.aborted) {
      const current = this.#index.assigned
      if (!current || current.version === this.#savedVersion) {
        await this.#change.wait(signal)
        continue
      }
      try {
        await this.#save()
        await env.clock.sleep(SAVE_PAUSE_MS, signal)
      } catch (error) {
        env.log.error('the assignment cannot be saved: after a power cut an older one starts; is the disk full?', { error })
        await env.clock.sleep(SAVE_RETRY_MS, signal)
      }
    }
  }

  /** The newest assignment is on the disk when it resolves; writes come one after the other, and callers share them. */
  #save(): Promise<void> {
    const turn = this.#saving.then(async () => {
      const current = this.#index.assigned
      if (!current || current.version === this.#savedVersion) return
      await this.#parts.assigned.save(current)
      this.#savedVersion = current.version
    })
    this.#saving = turn.catch(() => {}) // whoever asked hears of it
    return turn
  }

  #take(assigned: Assigned): void {
    if (assigned === this.#index.assigned) return
    const { nodeName } = this.#parts.settings.node
    const { podNetwork, serviceNetwork } = this.#parts.settings
    this.#index.set(assigned)
    this.pods.assign(this.#index.pods().filter((pod) => pod.spec.nodeName === nodeName))
    this.volumes.set(this.#index.persistentVolumes())
    this.proxy.set(() =>
      serviceTable({ nodeName, podNetwork, serviceNetwork, services: this.#index.services(), slices: this.#index.slices() }),
    )
    this.#change.notify()
    this.network.changed()
  }
}
