import { VOLUME_FOLDER } from '../../packages/api/src/types/volume.ts'
import type { NodeLink } from '../../packages/link/src/link.ts'
import type { Env } from '../../packages/reconcile/src/env.ts'
import { createAgent } from '../../apps/node-agent/src/agent.ts'
import { RecordingProxy } from '../../apps/node-agent/src/network/service-proxy/recording-proxy.ts'
import type { SystemFacts } from '../../apps/node-agent/src/node/system-facts.ts'
import { FakeDialer } from '../../apps/node-agent/src/pods/probes/fake-dialer.ts'
import { MemoryPodFiles } from '../../apps/node-agent/src/pods/volumes/memory-pod-files.ts'
import { FakeRuntime } from '../../apps/node-agent/src/runtime/fake/fake-runtime.ts'
import { MemoryAssigned } from '../../apps/node-agent/src/state/memory-assigned.ts'

export interface SimNodeParts {
  readonly name: string
  /** From 1: makes addresses. */
  readonly number: number
  readonly env: Env
  readonly link: NodeLink
  readonly podNetwork: string
  readonly serviceNetwork: string
  /** The agent ended by itself, which it never should. */
  readonly failed: (error: unknown) => void
  /** How long a container takes to start, and an image to be pulled. Default: 200 ms and 1.5 s. */
  readonly startMs?: number
  readonly pullMs?: number
  /** Manifests of pods of its own; default: none. */
  readonly staticPodFolder?: string
}

interface Life {
  readonly stop: AbortController
  alive: boolean
}

/** A Pi: its containers, kernel rules and disk outlive the agent, which can die at any moment. */
export class SimNode {
  readonly name: string
  readonly runtime: FakeRuntime
  readonly proxy = new RecordingProxy()
  readonly #parts: SimNodeParts
  readonly #assigned = new MemoryAssigned()
  readonly #files = new MemoryPodFiles()
  #life: Life | undefined

  constructor(parts: SimNodeParts) {
    this.#parts = parts
    this.name = parts.name
    const { startMs = 200, pullMs = 1_500 } = parts
    this.runtime = new FakeRuntime({ clock: parts.env.clock, addressPrefix: `10.42.${parts.number}`, startMs, pullMs })
  }

  get isRunning(): boolean {
    return this.#life !== undefined
  }

  /** Addresses that this node sends traffic of a service port to, e.g. of `default/web:80`; sorted. */
  rulesFor(portId: string): readonly string[] {
    return (this.proxy.table?.forwards.find(({ id }) => id === portId)?.backends ?? []).map(({ ip }) => ip).sort()
  }

  start(): void {
    if (this.#life) return
    const life: Life = { stop: new AbortController(), alive: true }
    this.#life = life
    const { env, link, name, podNetwork, serviceNetwork, failed, staticPodFolder } = this.#parts
    const own = <T extends object>(target: T): T => severable(target, () => life.alive)
    const agent = createAgent({
      env,
      link: own(link),
      runtime: own(this.runtime),
      proxy: own(this.proxy),
      facts: this.#facts(),
      assigned: own(this.#assigned),
      files: own(this.#files),
      dialer: new FakeDialer(),
      settings: {
        node: { nodeName: name, version: '0.0.0-sim', labels: {}, annotations: { [VOLUME_FOLDER]: '/volumes' } },
        podNetwork,
        serviceNetwork,
        logFolder: '/var/log/pods',
        ...(staticPodFolder !== undefined && { staticPodFolder }),
      },
    })
    void agent.run(life.stop.signal).then(
      () => {
        if (life.alive) failed(new Error('the agent ended by itself'))
      },
      (error: unknown) => {
        if (life.alive) failed(error)
      },
    )
  }

  /** The agent dies in the middle of whatever it does: nothing it still tries has any effect. Containers run on. */
  crash(): void {
    if (!this.#life) return
    this.#life.alive = false
    this.#life.stop.abort()
    this.#life = undefined
  }

  /** Power cut: the agent, all processes and the kernel's rules are gone; what is on the disk stays. */
  losePower(): void {
    this.crash()
    this.runtime.reboot()
    void this.proxy.remove()
  }

  #facts(): SystemFacts {
    const { name, number, env } = this.#parts
    return {
      inventory: async () => ({
        hostname: name,
        machineId: `machine-${number}`,
        systemUuid: `system-${number}`,
        bootId: `boot-${number}`,
        kernelVersion: '6.12.0',
        osImage: 'Debian GNU/Linux 12 (bookworm)',
        architecture: 'arm64',
        cpuCount: 4,
        memoryBytes: 4 * 2 ** 30,
        diskBytes: 32 * 2 ** 30,
        diskType: 'sd',
        pageSizeBytes: 4096,
      }),
      usage: async () => ({
        atMs: env.clock.nowMs(),
        cpuMillis: 100,
        windowMs: 15_000,
        memoryBytes: 2 ** 30,
        memoryAvailableBytes: 3 * 2 ** 30,
        diskAvailableBytes: 20 * 2 ** 30,
        inodesAvailable: 1_000_000,
        processes: 100,
        addresses: [`192.0.2.${number}`],
      }),
    }
  }
}

/** `target` as long as its user lives; then every call fails. What is under way completes, as a system call does. */
function severable<T extends object>(target: T, isAlive: () => boolean): T {
  return new Proxy(target, {
    get: (object, property) => {
      const value: unknown = Reflect.get(object, property, object)
      if (typeof value !== 'function') return value
      return (...args: unknown[]): unknown => {
        if (!isAlive()) throw new Error('this process is dead')
        return Reflect.apply(value, object, args)
      }
    },
  })
}
