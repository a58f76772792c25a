import type { Node } from '@bramble/api/types/node'
import type { Env } from '@bramble/reconcile/env'
import { runCommand } from '../../host/exec.ts'
import { planRoutes, ROUTE_PROTOCOL, type Route, routeBatch } from './plan.ts'

/** Keeps routes to the other nodes' pods in step with Node objects. */
export interface Routes {
  /** Whole state in. Routes that the kernel refuses (a node on another LAN) are logged; all others stand when it resolves. */
  sync(nodes: readonly Node[], self: string): Promise<void>
  remove(): Promise<void>
}

export class HostRoutes implements Routes {
  readonly #serviceNetwork: string
  readonly #env: Env
  #written = ''

  constructor(serviceNetwork: string, env: Env) {
    this.#serviceNetwork = serviceNetwork
    this.#env = env
  }

  async sync(nodes: readonly Node[], self: string): Promise<void> {
    const wanted = planRoutes(nodes, self, this.#serviceNetwork, await uplink(nodes, self))
    if (JSON.stringify(wanted) === this.#written) return
    await this.#write(wanted)
    this.#written = JSON.stringify(wanted)
  }

  async remove(): Promise<void> {
    await this.#write([])
    this.#written = ''
  }

  async #write(wanted: readonly Route[]): Promise<void> {
    const batch = routeBatch(await present(), wanted)
    if (batch.length === 0) return
    const { exitCode, stderr } = await runCommand('ip', ['-force', '-batch', '-'], { input: `${batch.join('\n')}\n`, exitCodes: 'any' })
    if (exitCode !== 0) this.#env.log.warn('some routes were refused; is that node on another network?', { stderr: stderr.slice(0, 2_000) })
  }
}

interface ListedRoute {
  readonly type?: string
  readonly dst: string
  readonly dev?: string
}

async function present(): Promise<readonly string[]> {
  const { stdout } = await runCommand('ip', ['-json', '-4', 'route', 'show', 'proto', ROUTE_PROTOCOL])
  return (JSON.parse(stdout || '[]') as ListedRoute[]).map(({ type, dst }) => (type === 'unreachable' ? `unreachable ${dst}` : dst))
}

/** The device that has this node's own address. */
async function uplink(nodes: readonly Node[], self: string): Promise<string | undefined> {
  const address = nodes.find((node) => node.metadata.name === self)?.status?.addresses?.find(({ type }) => type === 'InternalIP')?.address
  if (!address) return undefined
  const { stdout } = await runCommand('ip', ['-json', '-4', 'address', 'show', 'to', `${address}/32`])
  return (JSON.parse(stdout || '[]') as { ifname?: string }[]).find(({ ifname }) => ifname !== undefined)?.ifname
}
