import { existsSync } from 'node:fs'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { X509Certificate } from 'node:crypto'
import type { Command } from 'commander'
import { AGENT_SETTINGS, parseAgentConfig } from '../../node-agent/src/config.ts'
import { openCluster } from './cluster.ts'
import { cleanNode } from './down.ts'
import { UsageError } from './fail.ts'
import { services } from './services.ts'
import { addSettings, givenSettings } from './setting-options.ts'
import { OPT_FOLDER, uninstallReleases } from './slots.ts'

/** Outside of the data folder: what was cached, what operators said, what preflight mended. */
const MADE = ['/var/cache/bramble', '/etc/bramble', '/etc/modules-load.d/bramble.conf', '/etc/sysctl.d/90-bramble.conf']

interface LeaveOptions {
  readonly uninstall: boolean
  readonly yes: boolean
}

export function addLeaveCommand(program: Command): void {
  addSettings(
    program.command('leave').description('make this machine no node any more: pods, rules, routes and its certificate go'),
    AGENT_SETTINGS,
  )
    .option('--uninstall', 'remove the releases and the command itself as well', false)
    .option('--yes', 'do not ask', false)
    .action((_options, command: Command) => leave(givenSettings(command, AGENT_SETTINGS), command.opts<LeaveOptions>()))
}

/** Undoes `join`. Safe to repeat, also after a half-done one. A control plane on the same machine stays, unless everything is to go. */
async function leave(given: Record<string, unknown>, { uninstall, yes }: LeaveOptions): Promise<void> {
  if (process.getuid?.() !== 0) throw new UsageError('"bramble leave" needs root; try sudo')
  const { dataDirectory } = parseAgentConfig(given)
  const hasControlPlane = existsSync(join(dataDirectory, 'server'))
  if (uninstall && hasControlPlane)
    throw new UsageError(
      'a control plane runs on this machine, too; "bramble reset" removes it with the data of the cluster, then uninstall',
    )
  if (!yes && !(await confirmed())) throw new UsageError('nothing was removed')
  const nodeName = await ownName(dataDirectory)
  const runner = services(dataDirectory)
  await runner.stop('node-agent')
  await cleanNode(given, 'all')
  await runner.forget(['node-agent'])
  for (const name of ['agent', 'join-token', 'node-agent.settings']) await rm(join(dataDirectory, name), { recursive: true, force: true })
  if (nodeName !== undefined) await forgetNode(dataDirectory, nodeName)
  if (uninstall) {
    for (const path of [dataDirectory, ...MADE]) await rm(path, { recursive: true, force: true })
    await uninstallReleases()
    console.log(`bramble: ${OPT_FOLDER} and the command are gone; Debian's packages (podman, iptables, …) stay`)
  }
}

async function ownName(dataDirectory: string): Promise<string | undefined> {
  try {
    const { subject } = new X509Certificate(await readFile(join(dataDirectory, 'agent', 'identity', 'node.crt')))
    return /^CN=system:node:(.+)$/m.exec(subject)?.[1]
  } catch {
    return undefined // it never joined, or left before
  }
}

/** A node may not delete itself: a stolen one could hide. */
async function forgetNode(dataDirectory: string, nodeName: string): Promise<void> {
  try {
    await openCluster(dataDirectory).call('DELETE', `/api/v1/nodes/${nodeName}`)
    console.log(`bramble: node "${nodeName}" is gone from the cluster`)
  } catch {
    console.log(`bramble: this machine is no node any more; on the control plane, type: kubectl delete node ${nodeName}`)
  }
}

async function confirmed(): Promise<boolean> {
  if (!process.stdin.isTTY) throw new UsageError('this removes all pods of this machine and their emptyDir volumes; say --yes')
  const terminal = createInterface({ input: process.stdin, output: process.stdout })
  const answer = await terminal.question('This removes all pods of this machine and their emptyDir volumes. Go on? [y/N] ')
  terminal.close()
  return /^y(es)?$/i.test(answer.trim())
}
