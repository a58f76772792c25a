import { once } from 'node:events'
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { notFound } from '@bramble/api/status-error'
import type { Pod } from '@bramble/api/types/pod'
import { childProcess } from '@bramble/streams/child.fixture'
import type { RemoteProcess, Stdio, TerminalSize } from '@bramble/streams/remote-process'
import type { PodStreams } from './pod-streams.ts'

/** Every container is this machine: commands are processes of it, in a folder; ports are its own. */
export class LocalPodStreams implements PodStreams {
  readonly sizes: TerminalSize[] = []
  /** What was asked for: `exec web/c sh -c …`. */
  readonly asked: string[] = []
  /** Connections and processes that are not over. */
  open = 0
  readonly #folder: string
  /** Where the agent of each node listens. */
  readonly #agents: ReadonlyMap<string, number>

  constructor(folder: string, agents: ReadonlyMap<string, number> = new Map()) {
    this.#folder = folder
    this.#agents = agents
  }

  async exec(pod: Pod, container: string, command: readonly string[], stdio: Stdio, signal: AbortSignal): Promise<RemoteProcess> {
    this.asked.push(`exec ${pod.metadata.name}/${container} ${command.join(' ')}`)
    return this.#run(command, stdio, signal)
  }

  async attach(pod: Pod, container: string, stdio: Stdio, signal: AbortSignal): Promise<RemoteProcess> {
    this.asked.push(`attach ${pod.metadata.name}/${container}`)
    return this.#run(['sh', '-c', 'echo attached; cat'], stdio, signal)
  }

  async forward(_pod: Pod, port: number, signal: AbortSignal): Promise<Duplex> {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    signal.addEventListener('abort', () => socket.destroy(), { once: true })
    this.open++
    socket.once('close', () => this.open--)
    await once(socket, 'connect')
    return socket
  }

  agent(nodeName: string, signal: AbortSignal): Promise<Duplex> {
    const port = this.#agents.get(nodeName)
    return port === undefined
      ? Promise.reject(notFound({ group: '', plural: 'nodes' }, nodeName))
      : this.forward(undefined as never, port, signal)
  }

  #run(command: readonly string[], stdio: Stdio, signal: AbortSignal): RemoteProcess {
    const process = childProcess(command, stdio, signal, { sizes: this.sizes, folder: this.#folder })
    this.open++
    process.ended.catch(() => {}).finally(() => this.open--)
    return process
  }
}
