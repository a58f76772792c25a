import assert from 'node:assert/strict'
import type { ConfigMap, Secret } from '@bramble/api/types/core'
import type { Container, Pod, PodSpec, PodStatus } from '@bramble/api/types/pod'
import type { Service } from '@bramble/api/types/service'
import type { CsiDriver } from '@bramble/api/types/storage'
import type { PersistentVolume, PersistentVolumeClaim } from '@bramble/api/types/volume'
import type { StatusReport } from '@bramble/link/link'
import { simEnv } from '@bramble/reconcile/sim/sim-env'
import { type FakeOperation, FakeRuntime } from '../runtime/fake/fake-runtime.ts'
import type { SandboxState } from '../runtime/runtime.ts'
import type { ConfigSource } from './environment.ts'
import { MemoryHookMarks } from './lifecycle/hook-marks.ts'
import { PodReconciler } from './pod-reconciler.ts'
import { FakeDialer } from './probes/fake-dialer.ts'
import { MemoryPodFiles } from './volumes/memory-pod-files.ts'

// For tests of pods: one node under virtual time, with a fake runtime, and short ways to write pods.

export const aContainer = (name: string, change: Partial<Container> = {}): Container => ({
  name,
  image: `localhost/${name}:1`,
  imagePullPolicy: 'IfNotPresent',
  ...change,
})

/** Runs `sh -c script`; see the fake runtime for what it understands. */
export const aScript = (name: string, script: string, change: Partial<Container> = {}): Container =>
  aContainer(name, { command: ['sh', '-c', script], ...change })

let version = 1

export const aPod = (name: string, spec: Partial<PodSpec> = {}, metadata: Partial<Pod['metadata']> = {}): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name,
    namespace: 'default',
    uid: `uid-${name}`,
    resourceVersion: String(version++),
    creationTimestamp: '2026-01-01T00:00:00Z',
    ...metadata,
  },
  spec: { containers: [aContainer('main')], nodeName: 'pi-1', terminationGracePeriodSeconds: 30, ...spec },
})

export const deleted = (pod: Pod, graceSeconds = pod.spec.terminationGracePeriodSeconds ?? 30): Pod => ({
  ...pod,
  metadata: {
    ...pod.metadata,
    resourceVersion: String(version++),
    deletionTimestamp: '2026-01-01T00:00:00Z',
    deletionGracePeriodSeconds: graceSeconds,
  },
})

/** Everything of the runtime that a pod needs for its coming and going. */
export const OPERATIONS: readonly FakeOperation[] = [
  'runSandbox',
  'createContainer',
  'startContainer',
  'stopContainer',
  'removeContainer',
  'removeSandbox',
  'pullImage',
  'observe',
]

/** Never two live sandboxes of one pod, never two live attempts of one container. */
export function assertOnce(sandboxes: readonly SandboxState[], when: string): void {
  const alive = sandboxes.filter(({ ready }) => ready).map(({ podUid }) => podUid)
  assert.equal(new Set(alive).size, alive.length, `${when}: never two live sandboxes`)
  for (const { containers } of sandboxes) {
    const live = containers.filter(({ state }) => state === 'running').map(({ name }) => name)
    assert.equal(new Set(live).size, live.length, `${when}: never two attempts at once`)
  }
}

export class FakeConfigs implements ConfigSource {
  readonly configMaps = new Map<string, ConfigMap>()
  readonly secrets = new Map<string, Secret>()
  readonly serviceList: Service[] = []
  readonly claims = new Map<string, PersistentVolumeClaim>()
  readonly volumes = new Map<string, PersistentVolume>()
  readonly drivers = new Map<string, CsiDriver>()
  readonly tokens = new Map<string, Readonly<Record<string, string>>>()

  configMap(namespace: string, name: string): ConfigMap | undefined {
    return this.configMaps.get(`${namespace}/${name}`)
  }
  secret(namespace: string, name: string): Secret | undefined {
    return this.secrets.get(`${namespace}/${name}`)
  }
  services(): readonly Service[] {
    return this.serviceList
  }
  persistentVolumeClaim(namespace: string, name: string): PersistentVolumeClaim | undefined {
    return this.claims.get(`${namespace}/${name}`)
  }
  persistentVolume(name: string): PersistentVolume | undefined {
    return this.volumes.get(name)
  }
  csiDriver(name: string): CsiDriver | undefined {
    return this.drivers.get(name)
  }
  podTokens(namespace: string, podName: string): Readonly<Record<string, string>> | undefined {
    return this.tokens.get(`${namespace}/${podName}`)
  }
  setConfigMap(name: string, data: Record<string, string>): void {
    this.configMaps.set(`default/${name}`, {
      metadata: { name, namespace: 'default', uid: `uid-${name}`, resourceVersion: String(version++), creationTimestamp: '' },
      data,
    })
  }
  setSecret(name: string, data: Record<string, string>): void {
    const base64 = Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString('base64')]))
    this.secrets.set(`default/${name}`, {
      metadata: { name, namespace: 'default', uid: `uid-${name}`, resourceVersion: String(version++), creationTimestamp: '' },
      data: base64,
    })
  }
}

/** A node whose runtime and files outlive its agent, which can be killed and started again. */
export class PodWorld {
  readonly env
  readonly runtime: FakeRuntime
  readonly files = new MemoryPodFiles()
  readonly dialer = new FakeDialer()
  readonly hookMarks = new MemoryHookMarks()
  readonly #hasStaticPods: boolean
  readonly configs = new FakeConfigs()
  readonly reports: StatusReport[] = []
  reconciler!: PodReconciler
  #stop = new AbortController()
  #running: Promise<void> = Promise.resolve()

  /**
   * @param slow Operations of the runtime take time, so that an agent can die in the middle of them.
   * @param hasStaticPods Agents have a folder of their own pods.
   */
  constructor(seed = 1, slow = false, hasStaticPods = false) {
    this.#hasStaticPods = hasStaticPods
    this.env = simEnv(seed)
    this.runtime = new FakeRuntime({
      clock: this.env.clock,
      pullable: (reference) => !reference.includes('missing'),
      ...(slow && { startMs: 200, pullMs: 300 }),
    })
    this.startAgent()
  }

  startAgent(): void {
    this.#stop = new AbortController()
    this.reconciler = new PodReconciler({
      env: this.env,
      nodeName: 'pi-1',
      runtime: this.runtime,
      files: this.files,
      dialer: this.dialer,
      source: this.configs,
      hookMarks: this.hookMarks,
      hasStaticPods: this.#hasStaticPods,
      logFolder: '/var/log/pods',
      node: () => ({ hostname: 'pi-1', hostIp: '192.0.2.1', memoryBytes: 2 ** 32, allocatable: { cpuMillis: 3900, memoryBytes: 2 ** 31 } }),
      send: (report) => this.reports.push(report),
    })
    this.#running = this.reconciler.run(this.#stop.signal)
  }

  /** The agent dies in the middle of whatever it does. */
  async killAgent(): Promise<void> {
    this.#stop.abort()
    await this.pass(1)
    await this.#running
  }

  async assign(...pods: readonly Pod[]): Promise<void> {
    this.reconciler.assign(pods)
    await this.pass(0)
  }

  async pass(ms: number): Promise<void> {
    await this.env.clock.advance(ms)
  }

  /** The last status that was told of a pod. */
  status(name: string): PodStatus | undefined {
    const told = this.reports.findLast((report) => report.type === 'pod-status' && report.name === name)
    return told?.type === 'pod-status' ? told.status : undefined
  }

  isGone(name: string): boolean {
    return this.reports.some((report) => report.type === 'pod-gone' && report.name === name)
  }

  /** `Reason: message` of every event, repeats left out. */
  events(): readonly string[] {
    return [
      ...new Set(this.reports.flatMap((report) => (report.type === 'event' ? [`${report.event.reason}: ${report.event.message}`] : []))),
    ]
  }

  running(name: string): readonly string[] {
    return this.runtime
      .running(`uid-${name}`)
      .map((state) => state.name)
      .sort()
  }

  /** What there is, also while the runtime is told to fail. */
  async observed(): Promise<readonly SandboxState[]> {
    for (;;) {
      try {
        return await this.runtime.observe()
      } catch {}
    }
  }

  /** Id of the container that runs now. */
  containerId(podName: string, name = 'main'): string {
    const found = this.runtime.running(`uid-${podName}`).find((state) => state.name === name)
    if (!found) throw new Error(`container ${name} of ${podName} does not run`)
    return found.id
  }
}
