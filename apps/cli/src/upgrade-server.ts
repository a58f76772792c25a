import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Node } from '@bramble/api/types/node'
import { agentVersionOf } from '@bramble/api/types/node-config'
import { isVersion, minorsBetween, SKEW_MINORS_MAX, VERSION_RULE } from '@bramble/api/version'
import { parseServerConfig } from '../../control-plane/src/config.ts'
import { type Cluster, ClusterError, openCluster } from './cluster.ts'
import { UsageError } from './fail.ts'
import { restartServer, ServerSlot, type SlotStatus } from './server-slot.ts'
import { OPT_FOLDER } from './slots.ts'
import { ensureUnpacked } from './unpack-release.ts'
import { deadlineSeconds } from './upgrade-nodes.ts'

const DEADLINE_SECONDS = 300
/** The launcher, which looks at the same deadline, needs a moment to return to the old version. */
const RETURN_SECONDS = 120
const LOOK_MS = 1_000
/** One answer may be its last. */
const ANSWERS_NEEDED = 5

/**
 * Brings the control plane of this machine to a release: pods go on, nodes connect again. If it is not ready in time, the version
 * before returns by itself. Each version copies the store before it opens it for the first time.
 *
 * @throws UsageError when it cannot be done as asked; nothing has changed then.
 */
export async function upgradeServer(given: Record<string, unknown>, version = '', deadline?: string): Promise<void> {
  if (!isVersion(version)) throw new UsageError(`--version ${version}: ${VERSION_RULE}`)
  const seconds = deadline === undefined ? DEADLINE_SECONDS : deadlineSeconds(deadline)
  if (process.getuid?.() !== 0)
    throw new UsageError('"bramble upgrade --server" needs root: it changes a service of this machine; try sudo')
  const { dataDirectory, releaseDirectory } = parseServerConfig(given)
  const root = process.env['BRAMBLE_ROOT'] ?? OPT_FOLDER
  const launcher = join(root, 'launcher')
  if (!existsSync(launcher) || !existsSync(join(root, 'server', 'current')))
    throw new UsageError(
      `the control plane of this machine was not installed from a release (${join(root, 'server', 'current')} is not there); update its sources and start it again`,
    )
  const cluster = openCluster(dataDirectory)
  await refuseSkew(cluster, version)
  await ensureUnpacked(version, join(root, 'releases'), releaseDirectory)
  const slot = new ServerSlot(launcher)
  const isSystemd = existsSync('/run/systemd/system')
  await changeServer(
    {
      status: () => slot.status(),
      stage: (staged, forSeconds) => slot.stage(staged, forSeconds),
      commit: (proven) => slot.commit(proven),
      restart: () => restartServer(dataDirectory, isSystemd),
      answering: () => answering(cluster),
    },
    { version, seconds, say: console.log },
  )
}

/** @throws UsageError when nodes would be left behind. One that cannot be asked now may be what the new version is for. */
async function refuseSkew(cluster: Cluster, version: string): Promise<void> {
  let nodes: readonly Node[]
  try {
    nodes = (await cluster.call<{ items: Node[] }>('GET', '/api/v1/nodes')).items
  } catch (error) {
    if (!(error instanceof ClusterError)) throw error
    console.log(`versions of nodes are not known: ${error.message}`)
    return
  }
  const far = nodes.flatMap(({ metadata, status }) => {
    const runs = agentVersionOf(status?.nodeInfo?.kubeletVersion)
    return runs !== undefined && Math.abs(minorsBetween(version, runs) ?? 0) > SKEW_MINORS_MAX ? [`${metadata.name} (${runs})`] : []
  })
  if (far.length === 0) return
  const names = far.length > 5 ? `${far.slice(0, 5).join(', ')} and ${far.length - 5} more` : far.join(', ')
  throw new UsageError(
    `${version} is more than two minor versions from what these nodes run: ${names}; upgrade them first, or this control plane in smaller steps`,
  )
}

/** The version of the control plane, if it answers and is ready. */
async function answering(cluster: Cluster): Promise<string | undefined> {
  try {
    await cluster.call('GET', '/readyz')
    return agentVersionOf((await cluster.call<{ gitVersion: string }>('GET', '/version')).gitVersion)
  } catch (error) {
    if (error instanceof ClusterError) return undefined
    throw error
  }
}

/** What an upgrade does to a machine. */
export interface ServerMachine {
  status(): Promise<SlotStatus>
  stage(version: string, seconds: number): Promise<void>
  commit(version: string): Promise<void>
  restart(): Promise<void>
  answering(): Promise<string | undefined>
}

/**
 * Stages, restarts, waits, commits.
 * @throws Error with the reason when the version before has returned, or nothing answers.
 */
export async function changeServer(
  machine: ServerMachine,
  { version, seconds, say, lookMs = LOOK_MS }: { version: string; seconds: number; say: (line: string) => void; lookMs?: number },
): Promise<void> {
  const before = await machine.status()
  if (before.trial !== undefined && before.trial !== version)
    throw new UsageError(`${before.trial} is on trial now; wait until it stays or ${before.current} returns`)
  if (before.current === version && before.trial === undefined) return say(`the control plane runs ${version} already`)
  await machine.stage(version, seconds)
  say(`${version} is staged; starting it (if it is not ready within ${seconds} s, ${before.current} returns by itself)`)
  await machine.restart()

  let answers = 0
  for (let waitedMs = 0; waitedMs < (seconds + RETURN_SECONDS) * 1000; waitedMs += lookMs) {
    await delay(lookMs)
    const { current, givenUp } = await machine.status()
    if (current !== version)
      throw new Error(
        `${version} was given up: ${givenUp.get(version) ?? 'the launcher says no more'}; ${current} runs again, with its store`,
      )
    answers = (await machine.answering()) === version ? answers + 1 : 0
    if (answers < ANSWERS_NEEDED) continue
    await machine.commit(version)
    return say(`the control plane runs ${version}; nodes connect again by themselves`)
  }
  throw new Error(`${version} did not become ready and was not given up: see "journalctl -u bramble-server", and "launcher server status"`)
}
