import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Env } from '@bramble/reconcile/env'
import type { AgentConfig } from './config.ts'
import { CniNetwork, CONFLIST_PATH } from './network/pod-network/cni-network.ts'
import { HostRoutes } from './network/routes/host-routes.ts'
import { IptablesProxy } from './network/service-proxy/iptables/iptables-proxy.ts'
import { HostMounter } from './pods/volumes/mounts/host-mounter.ts'
import { removeTree, unmountWithin } from './pods/volumes/mounts/remove-tree.ts'
import { openEveryRuntime } from './runtime/all.ts'

/** Where everything of ours that a reboot would empty is. */
const STATE_FOLDER = '/run/bramble'

/**
 * Removes what the agent made on this machine, whoever made it and in whatever state it is: its pods with their emptyDir volumes, and
 * with `all` also networks, rules, routes and the files outside of the data folder. Volumes of claims stay. Safe to repeat; the agent
 * must not run.
 */
export async function cleanNode(what: 'pods' | 'all', config: AgentConfig, env: Env): Promise<void> {
  const network = new CniNetwork()
  let ready = true
  for (const runtime of await openEveryRuntime(config.runtime, { clock: env.clock, log: env.log, network })) {
    const status = await runtime.status()
    ready &&= status.ready
    if (!status.ready) {
      env.log.warn('containers were not looked for', { runtime: runtime.name, reason: status.reason })
      continue
    }
    for (const sandbox of await runtime.observe()) {
      await runtime.removeSandbox(sandbox.id)
      await rm(join(config.podLogDirectory, `${sandbox.namespace}_${sandbox.name}_${sandbox.podUid}`), { recursive: true, force: true })
    }
  }
  for (const { podUid } of await network.list()) await network.remove(podUid)
  const mounter = new HostMounter()
  const folders = ['pods', 'csi'].map((name) => join(config.dataDirectory, 'agent', name))
  for (const folder of [STATE_FOLDER, ...folders]) await unmountWithin(folder, mounter)
  if (ready) for (const folder of folders) await removeTree(folder, mounter) // else something may still use them
  if (what === 'pods') return

  await new IptablesProxy(env.clock).remove()
  await new HostRoutes('', env).remove()
  await rm(CONFLIST_PATH, { force: true })
  await rm(STATE_FOLDER, { recursive: true, force: true })
}
