import { parseLabelSelector } from '@bramble/api/labels'
import type { LabelSelector } from '@bramble/api/labels'
import type { AgentUpgrade, AgentUpgradeSpec } from '@bramble/api/types/agent-upgrade'
import type { IntOrString } from '@bramble/api/types/workload'
import { isVersion, VERSION_RULE } from '@bramble/api/version'
import { type Cluster, ClusterError } from './cluster.ts'
import { UsageError } from './fail.ts'
import { printTable } from './token.ts'
import { standingOf } from './upgrade-progress.ts'

const UPGRADES = '/apis/bramble.dev/v1/agentupgrades'

/** As they were typed. */
export interface UpgradeFlags {
  readonly name: string
  readonly version?: string
  readonly selector?: string
  readonly maxUnavailable?: string
  readonly maxFailures?: string
  readonly deadline?: string
  readonly pause: boolean
  readonly resume: boolean
  readonly abort: boolean
}

/**
 * Makes or changes the AgentUpgrade of that name, as the flags say.
 *
 * @returns false when they say nothing.
 * @throws UsageError when a flag is no good, or there is nothing to change.
 */
export async function changeUpgrade(cluster: Cluster, flags: UpgradeFlags): Promise<boolean> {
  const spec = specOf(flags)
  if (Object.keys(spec).length === 0) return false
  const before = await upgradeOf(cluster, flags.name)
  if (before) refuseFutile(before, flags)
  else if (flags.version === undefined)
    throw new UsageError(`there is no AgentUpgrade "${flags.name}"; "bramble upgrade --version VERSION" makes one`)
  if (before) await cluster.call('PATCH', pathOf(flags.name), { spec })
  else await cluster.call('POST', UPGRADES, { apiVersion: 'bramble.dev/v1', kind: 'AgentUpgrade', metadata: { name: flags.name }, spec })
  console.log(`upgrade "${flags.name}" ${before ? 'changed' : 'started'}; follow it with "bramble upgrade --watch" or "kubectl get au -w"`)
  return true
}

/** An abort is final for its version. */
function refuseFutile({ spec, status }: AgentUpgrade, { version, resume, pause, name }: UpgradeFlags): void {
  const isAborted = status?.conditions?.some(({ type, status: is }) => type === 'Aborted' && is === 'True')
  if (!isAborted || status?.version !== (version ?? spec.version) || !(version !== undefined || resume || pause)) return
  throw new UsageError(
    `upgrade "${name}" to ${spec.version} was aborted, for good; try a version in which that is mended, or "kubectl delete au ${name}" first`,
  )
}

/** A version says all anew: what is not given is as by default. */
function specOf(flags: UpgradeFlags): Record<string, unknown> {
  const { version, pause, resume, abort } = flags
  const orders = { ...(pause && { paused: true }), ...(resume && { paused: false }), ...(abort && { aborted: true }) }
  if (version === undefined) return orders
  if (!isVersion(version)) throw new UsageError(`--version ${version}: ${VERSION_RULE}`)
  const given: { readonly [Field in keyof AgentUpgradeSpec]: AgentUpgradeSpec[Field] | null } = {
    version,
    nodeSelector: flags.selector === undefined ? null : selectorOf(flags.selector),
    maxUnavailable: flags.maxUnavailable === undefined ? null : amount('--max-unavailable', flags.maxUnavailable),
    maxFailures: flags.maxFailures === undefined ? null : amount('--max-failures', flags.maxFailures),
    deadlineSeconds: flags.deadline === undefined ? null : deadlineSeconds(flags.deadline),
    paused: null,
    aborted: null,
  }
  return { ...given, ...orders }
}

/** @throws UsageError */
export function selectorOf(text: string): LabelSelector {
  try {
    const requirements = parseLabelSelector(text)
    if (requirements.some(({ operator }) => operator === 'Gt' || operator === 'Lt')) throw new Error('< and > are not for nodes')
    return { matchExpressions: requirements.map(({ key, operator, values }) => ({ key, operator: operator as 'In', values: [...values] })) }
  } catch (error) {
    throw new UsageError(`--selector ${text}: ${(error as Error).message}`)
  }
}

function amount(flag: string, text: string): IntOrString {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text)
  if (/^([1-9]\d?|100)%$/.test(text)) return text
  throw new UsageError(`${flag} ${text}: must be a number from 1 on, or a percentage from 1% to 100%`)
}

/** @throws UsageError */
export function deadlineSeconds(text: string): number {
  const seconds = /^\d{2,5}$/.test(text) ? Number(text) : 0
  if (seconds < 30 || seconds > 86_400) throw new UsageError(`--deadline ${text}: must be a number of seconds from 30 to 86400`)
  return seconds
}

const pathOf = (name: string): string => `${UPGRADES}/${encodeURIComponent(name)}`

export async function upgradeOf(cluster: Cluster, name: string): Promise<AgentUpgrade | undefined> {
  try {
    return await cluster.call<AgentUpgrade>('GET', pathOf(name))
  } catch (error) {
    if (error instanceof ClusterError && error.code === 404) return undefined
    throw error
  }
}

/** A line for each AgentUpgrade. */
export async function showUpgrades(cluster: Cluster): Promise<void> {
  const { items } = await cluster.call<{ items: AgentUpgrade[] }>('GET', UPGRADES)
  if (items.length === 0) return console.log('no upgrade was asked for; see "bramble upgrade --help"')
  const rows = items.map(({ metadata, spec, status }) => [
    metadata.name,
    spec.version,
    ...(['updated', 'updating', 'failed', 'offline', 'total'] as const).map((field) => String(status?.[field] ?? 0)),
    standingOf(status).word,
  ])
  printTable([['NAME', 'VERSION', 'UPDATED', 'UPDATING', 'FAILED', 'OFFLINE', 'OF', 'STATUS'], ...rows])
}
