import type { Duplex } from 'node:stream'
import { notFound, serviceUnavailable, StatusError } from '@bramble/api/status-error'
import type { AttachRequest, ContainerRef, ExecRequest, ForwardRequest, Stdio } from '@bramble/link/grpc/stream'
import type { RemoteProcess } from '@bramble/streams/remote-process'
import { type ContainerState, RuntimeError, type SandboxState, type StreamService } from '../../runtime/runtime.ts'
import type { PodLookup, SeenPod } from './pod-lookup.ts'

/** Commands in the containers of this node, their own processes, and the ports of its pods. */
export class PodStreams {
  readonly #lookup: PodLookup
  readonly #runtime: StreamService

  constructor(lookup: PodLookup, runtime: StreamService) {
    this.#lookup = lookup
    this.#runtime = runtime
  }

  /** @throws StatusError 404 without such a pod or running container, 500 with the runtime's words when the command cannot be run. */
  async exec({ container: ref, command, stdio }: ExecRequest, signal: AbortSignal): Promise<RemoteProcess> {
    const { id } = this.#running(ref).container
    try {
      return await this.#runtime.openExec(id, command, stdioOf(stdio), signal)
    } catch (error) {
      throw wordsOf(error, (words) => inside(`error executing command in container: ${words}`))
    }
  }

  /** Whether there is a terminal is the container's affair, as it was made. @throws StatusError as {@link exec}. */
  async attach({ container: ref, stdio }: AttachRequest, signal: AbortSignal): Promise<RemoteProcess> {
    const { seen, container } = this.#running(ref)
    const tty = hasTerminal(seen, container.name)
    const wanted = stdioOf(stdio)
    try {
      return await this.#runtime.openAttach(container.id, { ...wanted, tty, stderr: wanted.stderr && !tty }, signal)
    } catch (error) {
      throw wordsOf(error, (words) => inside(`error attaching to container: ${words}`))
    }
  }

  /** @throws StatusError 404 without such a pod, 503 when it does not run or nothing listens. */
  async forward({ pod: name, podUid, port }: ForwardRequest, signal: AbortSignal): Promise<Duplex> {
    const { sandbox } = this.#pod(name, podUid)
    if (!sandbox?.ready) throw serviceUnavailable(`pod ${JSON.stringify(name)} is not running`)
    try {
      return await this.#runtime.openPort(sandbox.id, port, signal)
    } catch (error) {
      throw wordsOf(error, serviceUnavailable)
    }
  }

  #pod(name: string, uid: string): SeenPod {
    const seen = this.#lookup.seen(uid)
    if (!seen) throw notFound({ group: '', plural: 'pods' }, name)
    return seen
  }

  /** Source: kubelet, findContainer: only what runs is found. */
  #running(ref: ContainerRef | undefined): { readonly seen: SeenPod; readonly container: ContainerState } {
    const { pod = '', podUid = '', container: name = '' } = ref ?? {}
    const seen = this.#pod(pod, podUid)
    const container = newestRunning(seen.sandbox, name)
    if (!container) throw new StatusError(404, 'NotFound', `container not found (${JSON.stringify(name)})`)
    return { seen, container }
  }
}

const newestRunning = (sandbox: SandboxState | undefined, name: string): ContainerState | undefined =>
  sandbox?.containers.filter((each) => each.name === name && each.state === 'running').sort((a, b) => b.attempt - a.attempt)[0]

const hasTerminal = ({ pod: { spec } }: SeenPod, name: string): boolean =>
  [...spec.containers, ...(spec.initContainers ?? []), ...(spec.ephemeralContainers ?? [])].find((each) => each.name === name)?.tty ?? false

const stdioOf = ({ stdin = false, stdout = false, stderr = false, tty = false }: Partial<Stdio> = {}): Stdio => ({
  stdin,
  stdout,
  stderr,
  tty,
})

/** Source: kubelet, remotecommand: what went wrong is an internal error with the runtime's words. */
const inside = (message: string): StatusError => new StatusError(500, 'InternalError', `Internal error occurred: ${message}`)

const wordsOf = (error: unknown, status: (words: string) => StatusError): unknown =>
  error instanceof RuntimeError ? status(error.message) : error
