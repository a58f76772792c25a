import { cpuMillis, memoryBytes, quantityValue } from '@bramble/api/quantity'
import { type Setting, SettingsError, type SettingValues } from '@bramble/reconcile/settings'
import { parseThresholds, type Threshold } from './thresholds.ts'

const AMOUNTS = {
  kind: 'text',
  value: 'NAME=AMOUNT,…',
  pattern: /^((cpu|memory|ephemeral-storage|pid)=[^,=]+(,|$))*$/,
  rule: 'must be amounts of cpu, memory and ephemeral-storage such as cpu=100m,memory=100Mi',
} as const

/** What an operator may set about nodes that run short. Source: kubelet's flags of the same names. */
export const PRESSURE_SETTINGS: readonly Setting[] = [
  {
    name: 'eviction-hard',
    kind: 'text',
    value: 'THRESHOLDS',
    description:
      'below these pods are ended at once, such as memory.available<100Mi,nodefs.available<5% (default: memory 100Mi or 10%, disks 500Mi or 5%, whichever is less)',
  },
  { name: 'eviction-soft', kind: 'text', value: 'THRESHOLDS', description: 'below these pods are ended when it lasts (default: none)' },
  {
    name: 'eviction-soft-grace-period',
    kind: 'text',
    value: 'PERIODS',
    description: 'how long it may last, for each of --eviction-soft, such as memory.available=1m30s',
  },
  {
    name: 'eviction-minimum-reclaim',
    kind: 'text',
    value: 'AMOUNTS',
    description: 'what has to be free beyond a threshold before it is over, such as nodefs.available=500Mi (default: 250Mi or 5% of disks)',
  },
  {
    name: 'eviction-pressure-transition-period',
    kind: 'seconds',
    value: 'SECONDS',
    default: 300,
    min: 1,
    max: 86_400,
    description: 'how long a condition such as MemoryPressure stays after it was last true, in seconds',
  },
  {
    name: 'eviction-max-pod-grace-period',
    kind: 'seconds',
    value: 'SECONDS',
    default: 30,
    min: 0,
    max: 3600,
    description: 'longest time to end that pods have when a soft threshold is crossed, in seconds',
  },
  { ...AMOUNTS, name: 'system-reserved', description: 'what pods leave to the system (default: by size of the board)' },
  { ...AMOUNTS, name: 'kube-reserved', description: 'what pods leave to agent and container runtime (default: by size of the board)' },
]

export interface PressureConfig {
  readonly thresholds: readonly Threshold[]
  readonly transitionMs: number
  readonly softGraceMsMax: number
  /** As it was said; absent: by size of the board. */
  readonly systemReserved: ReservedAmounts | undefined
  readonly kubeReserved: ReservedAmounts | undefined
}
export interface ReservedAmounts {
  readonly cpuMillis: number
  readonly memoryBytes: number
  readonly diskBytes: number
}

/** @throws SettingsError */
export function pressureConfig(values: SettingValues): PressureConfig {
  const text = (name: string): string | undefined => values[name] as string | undefined
  let thresholds: readonly Threshold[]
  try {
    thresholds = parseThresholds({
      hard: text('eviction-hard'),
      soft: text('eviction-soft'),
      softGrace: text('eviction-soft-grace-period'),
      minReclaim: text('eviction-minimum-reclaim'),
    })
  } catch (error) {
    throw new SettingsError(`eviction: ${(error as Error).message}`)
  }
  return {
    thresholds,
    transitionMs: (values['eviction-pressure-transition-period'] as number) * 1_000,
    softGraceMsMax: (values['eviction-max-pod-grace-period'] as number) * 1_000,
    systemReserved: amounts('system-reserved', text('system-reserved')),
    kubeReserved: amounts('kube-reserved', text('kube-reserved')),
  }
}

function amounts(name: string, text: string | undefined): ReservedAmounts | undefined {
  if (text === undefined) return undefined
  const given = new Map(
    text
      .split(',')
      .filter((part) => part !== '')
      .map((part) => part.split('=', 2) as [string, string]),
  )
  for (const amount of given.values())
    if ((quantityValue(amount) ?? -1) < 0) throw new SettingsError(`${name}: "${amount}" is no amount such as 100m or 100Mi`)
  return {
    cpuMillis: cpuMillis(given.get('cpu')),
    memoryBytes: memoryBytes(given.get('memory')),
    diskBytes: memoryBytes(given.get('ephemeral-storage')),
  }
}
