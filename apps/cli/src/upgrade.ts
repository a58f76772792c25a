import type { Command } from 'commander'
import { parseServerConfig, SERVER_SETTINGS } from '../../control-plane/src/config.ts'
import { type Cluster, openCluster, openKubeconfig } from './cluster.ts'
import { UsageError } from './fail.ts'
import { addSettings, givenSettings } from './setting-options.ts'
import { followUpgrade } from './upgrade-progress.ts'
import { changeUpgrade, showUpgrades, type UpgradeFlags, upgradeOf } from './upgrade-nodes.ts'
import { upgradeServer } from './upgrade-server.ts'

const SETTINGS = SERVER_SETTINGS.filter(({ name }) => name === 'data-dir' || name === 'release-dir')

interface Flags extends UpgradeFlags {
  readonly server: boolean
  readonly watch: boolean
  readonly kubeconfig?: string
  readonly deadline?: string
}

/** `bramble upgrade`: the agents of nodes, in waves, or the control plane of this machine. */
export function addUpgradeCommand(program: Command): void {
  addSettings(program.command('upgrade').description('bring the agents of nodes, or this control plane, to another version'), SETTINGS)
    .option('--version <VERSION>', 'the release that shall run, as "bramble release list" shows it')
    .option('--selector <LABELS>', 'only nodes with these labels, e.g. site=north,arch!=amd64 (default: all)')
    .option('--max-unavailable <N>', 'how many nodes may be at it at once: a number, or a percentage of those in contact (default: 10%)')
    .option('--max-failures <N>', 'after how many failures no more nodes are touched: a number, or a percentage of all (default: 1)')
    .option(
      '--deadline <SECONDS>',
      'how long a new version may take to be healthy and in contact before the old one returns (default: 600)',
    )
    .option('--name <NAME>', 'name of the AgentUpgrade, to have several for different nodes', 'agents')
    .option('--pause', 'no more nodes are told; those that were go on', false)
    .option('--resume', 'go on after --pause', false)
    .option('--abort', 'no more nodes are touched, and those that have not begun keep what they have; final', false)
    .option('--watch', 'stay, and print a line when something changes; exit code 1 when it fails', false)
    .option('--server', 'the control plane of this machine, in place of the nodes', false)
    .option('--kubeconfig <FILE>', 'the cluster of this kubeconfig (default: that of this machine)')
    .action(async (_options, command: Command) => {
      const given = givenSettings(command, SETTINGS)
      const flags = command.opts<Flags & object>()
      checkTogether(flags)
      if (flags.server) return await upgradeServer(given, flags.version, flags.deadline)
      const cluster = clusterOf(given, flags)
      const wasChanged = await changeUpgrade(cluster, flags)
      if (!flags.watch) return wasChanged ? undefined : await showUpgrades(cluster)
      const isWell = await followUpgrade({ read: () => upgradeOf(cluster, flags.name), say: console.log })
      if (!isWell) process.exitCode = 1
    })
}

const clusterOf = (given: Record<string, unknown>, { kubeconfig }: Flags): Cluster =>
  kubeconfig === undefined ? openCluster(parseServerConfig(given).dataDirectory) : openKubeconfig(kubeconfig)

function checkTogether(flags: Flags): void {
  const { server, version, pause, resume, abort, selector, maxUnavailable, maxFailures } = flags
  const orders = Object.entries({ pause, resume, abort }).flatMap(([name, isGiven]) => (isGiven ? [`--${name}`] : []))
  if (orders.length > 1) throw new UsageError(`${orders.join(' and ')}: say one of them`)
  const details = Object.entries({ '--selector': selector, '--max-unavailable': maxUnavailable, '--max-failures': maxFailures })
  const given = details.filter(([, value]) => value !== undefined).map(([name]) => name)
  if (version === undefined && given.length > 0) throw new UsageError(`${given.join(', ')}: need --version, too`)
  if (!server) return
  if (version === undefined) throw new UsageError('--server needs --version; "bramble release list" shows which there are')
  const others = [...given, ...orders, ...(flags.watch ? ['--watch'] : []), ...(flags.kubeconfig === undefined ? [] : ['--kubeconfig'])]
  if (others.length > 0) throw new UsageError(`${others.join(', ')}: are about nodes, and --server about this machine`)
}
