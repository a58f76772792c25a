import type { Lab } from '../test/e2e/lab/lab.ts'
import { CriClient } from '../apps/node-agent/src/runtime/cri/cri-client.ts'
import { NamespaceMode, RuntimeService } from '../apps/node-agent/src/runtime/cri/grpc/api_pb.js'
import { HELLO_IMAGE } from '../tools/images/build.ts'
import { CONTAINERD_SOCKET } from './containerd-host.ts'

/** A container runtime of a host without Bramble: what its own tools and calls take. */
export interface PlainRuntime {
  /** What `start`, `stop` and `exec` are, in words. */
  readonly words: { readonly start: string; readonly stop: string; readonly exec: string }
  /** Makes and starts a container of the bench's image. @returns its id. */
  readonly start: (name: string) => Promise<string>
  readonly stop: (id: string) => Promise<unknown>
  readonly remove: (id: string) => Promise<unknown>
  /** `true` in it. */
  readonly exec: (id: string) => Promise<unknown>
  /** Epoch milliseconds, as the runtime has them. */
  readonly startedAtMs: (id: string) => Promise<number>
  readonly close: () => void
}

const LIMITS = ['--ulimit', 'nofile=4096:4096', '--ulimit', 'nproc=4096:4096']

export function plainPodman(lab: Lab, host: string): PlainRuntime {
  const podman = async (...args: readonly string[]): Promise<string> => (await lab.run(host, ['podman', ...args])).stdout.trim()
  return {
    words: { start: 'podman run --detach', stop: 'podman stop', exec: 'podman exec' },
    start: (name) => podman('--runtime', 'runc', 'run', '--detach', '--name', name, ...LIMITS, HELLO_IMAGE),
    stop: (id) => podman('stop', '--time', '1', id),
    remove: (id) => podman('rm', '--force', '--time', '0', id),
    exec: (id) => podman('exec', id, 'true'),
    startedAtMs: async (id) => Number(await podman('inspect', '--format', '{{.State.StartedAt.UnixMilli}}', id)),
    close: () => {},
  }
}

/** @param pid Of any process of the host, seen from here. */
export function plainContainerd(lab: Lab, host: string, pid: number): PlainRuntime {
  const client = new CriClient(`/proc/${pid}/root${CONTAINERD_SOCKET}`)
  const { method } = RuntimeService
  const sandboxes = new Map<string, string>()
  let executed = 0
  return {
    words: {
      start: 'CRI: RunPodSandbox, CreateContainer, StartContainer',
      stop: 'CRI: StopContainer, StopPodSandbox',
      exec: 'ctr tasks exec',
    },
    start: async (name) => {
      const config = {
        metadata: { name, namespace: 'plain', uid: name, attempt: 0 },
        hostname: name,
        linux: { securityContext: { namespaceOptions: { network: NamespaceMode.POD } } },
      }
      const { podSandboxId } = await client.call(method.runPodSandbox, { config })
      const container = { metadata: { name, attempt: 0 }, image: { image: HELLO_IMAGE } }
      const { containerId } = await client.call(method.createContainer, { podSandboxId, config: container, sandboxConfig: config })
      await client.call(method.startContainer, { containerId })
      sandboxes.set(containerId, podSandboxId)
      return containerId
    },
    stop: async (containerId) => {
      await client.call(method.stopContainer, { containerId, timeout: 1n })
      await client.call(method.stopPodSandbox, { podSandboxId: sandboxes.get(containerId)! })
    },
    remove: (containerId) => client.call(method.removePodSandbox, { podSandboxId: sandboxes.get(containerId)! }),
    exec: (id) => lab.run(host, ['ctr', '--namespace', 'k8s.io', 'tasks', 'exec', '--exec-id', `exec-${++executed}`, id, 'true']),
    startedAtMs: async (containerId) => {
      const { status } = await client.call(method.containerStatus, { containerId })
      return Number(status!.startedAt / 1_000_000n)
    },
    close: () => client.close(),
  }
}

export interface PlainTimes {
  readonly start: readonly number[]
  readonly stop: readonly number[]
  readonly exec: readonly number[]
}

/** Seconds of each. The first container is left out: it makes the network. */
export async function plainTimes(runtime: PlainRuntime, repeats: number): Promise<PlainTimes> {
  const times = { start: [] as number[], stop: [] as number[], exec: [] as number[] }
  for (let repeat = 0; repeat <= repeats; repeat++) {
    const startMs = performance.now()
    const id = await runtime.start('plain')
    const startedMs = performance.now()
    await runtime.exec(id)
    const executedMs = performance.now()
    await runtime.stop(id)
    const stoppedMs = performance.now()
    await runtime.remove(id)
    if (repeat === 0) continue
    times.start.push((startedMs - startMs) / 1000)
    times.exec.push((executedMs - startedMs) / 1000)
    times.stop.push((stoppedMs - executedMs) / 1000)
  }
  return times
}
