import { access } from 'node:fs/promises'
import type { Clock, Log } from '@bramble/reconcile/env'
import { atomicWrite, readIfPresent } from '../host/files.ts'
import type { PodNetwork } from '../network/pod-network/pod-network.ts'
import { inPath } from './podman/podman-service.ts'
import type { Runtime } from './runtime.ts'

export interface RuntimeParts {
  readonly clock: Clock
  readonly log: Log
  readonly network: PodNetwork
  /** What all pods together may take; absent: as much as there is. */
  readonly podsMemoryBytes?: number | undefined
}

/** Runtimes that are looked for, by the name in the agent's configuration; the first has precedence. Each is loaded when it is used. */
const KNOWN: readonly KnownRuntime[] = [
  { choice: 'podman', program: 'podman', open: async (parts) => new (await import('./podman/podman-runtime.ts')).PodmanRuntime(parts) },
  {
    choice: 'containerd',
    program: 'containerd',
    socketPath: '/run/containerd/containerd.sock',
    open: (parts) => openCri('containerd', '/run/containerd/containerd.sock', parts),
  },
  {
    choice: 'unix:///run/crio/crio.sock',
    program: 'crio',
    socketPath: '/run/crio/crio.sock',
    open: (parts) => openCri('cri-o', '/run/crio/crio.sock', parts),
  },
]
interface KnownRuntime {
  readonly choice: string
  readonly program: string
  /** Where it answers, if it runs by itself. */
  readonly socketPath?: string
  readonly open: (parts: RuntimeParts) => Promise<Runtime>
}

const FAKE = 'fake'
const AUTO = 'auto'
const SOCKET = 'unix://'

/**
 * The runtime of this node.
 *
 * @param choice `auto`, `podman`, `containerd`, `unix:///…` for the socket of any runtime that speaks CRI, or `fake`, which runs nothing: for
 * trying the cluster out and for hollow nodes.
 * @param memoryPath Where `auto` writes down what it took, so that a second runtime which is installed later does not run everything again.
 */
export async function openRuntime(choice: string, parts: RuntimeParts, memoryPath: string): Promise<Runtime> {
  if (choice !== AUTO) return openChoice(choice, parts)
  const before = (await readIfPresent(memoryPath))?.trim()
  const known = KNOWN.find((each) => each.choice === before)
  if (known && (await isInstalled(known))) return known.open(parts)

  const found = await firstPresent(parts)
  if (!found) return KNOWN[0]!.open(parts) // whose status says what is missing
  if (found.choice !== before) await atomicWrite(memoryPath, `${found.choice}\n`)
  parts.log.info('pods run with this container runtime', { runtime: found.choice })
  return found.open(parts)
}

/** Every runtime of this machine that may hold pods of ours: what was chosen, and those that are installed. */
export async function openEveryRuntime(choice: string, parts: RuntimeParts): Promise<readonly Runtime[]> {
  if (choice === FAKE) return []
  const installed: KnownRuntime[] = []
  for (const known of KNOWN) if (known.choice === choice || (await isRunning(known))) installed.push(known)
  const others = choice.startsWith(SOCKET) && !installed.some((known) => known.choice === choice) ? [await openChoice(choice, parts)] : []
  return [...others, ...(await Promise.all(installed.map((known) => known.open(parts))))]
}

async function openChoice(choice: string, parts: RuntimeParts): Promise<Runtime> {
  if (choice === FAKE) return new (await import('./fake/fake-runtime.ts')).FakeRuntime({ clock: parts.clock })
  const known = KNOWN.find((each) => each.choice === choice)
  if (known) return known.open(parts)
  return openCri('cri', choice.slice(SOCKET.length), parts)
}

async function openCri(name: string, socketPath: string, parts: RuntimeParts): Promise<Runtime> {
  const { CriRuntime } = await import('./cri/cri-runtime.ts')
  return new CriRuntime({ ...parts, name, socketPath })
}

/** Podman is started when it is needed; the others have to answer. */
async function firstPresent(parts: RuntimeParts): Promise<KnownRuntime | undefined> {
  for (const known of KNOWN) {
    if (known.socketPath === undefined ? !(await inPath(known.program)) : !(await isThere(known.socketPath))) continue
    if (known.socketPath === undefined || (await (await known.open(parts)).status()).ready) return known
  }
  return undefined
}

const isRunning = ({ program, socketPath }: KnownRuntime): Promise<boolean> =>
  socketPath === undefined ? inPath(program) : isThere(socketPath)

const isInstalled = async (known: KnownRuntime): Promise<boolean> => (await inPath(known.program)) || isRunning(known)

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )
