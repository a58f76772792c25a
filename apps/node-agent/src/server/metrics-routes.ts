import type { Env } from '@bramble/reconcile/env'
import type { Family } from '@bramble/reconcile/metrics/family'
import type { DiskMeasures } from '../metrics/disk-measures.ts'
import type { MeasuredPod } from '../metrics/measured-pod.ts'
import type { Measures } from '../metrics/measures.ts'
import type { AgentPageParts } from '../metrics/pages/agent.ts'
import type { UsageReporter } from '../metrics/usage-reporter.ts'
import type { ServerRoute } from './routes.ts'

export interface MetricsRouteParts {
  readonly env: Env
  readonly nodeName: string
  readonly cpuCount: number
  readonly measures: Measures
  readonly disks: DiskMeasures
  readonly usage: Pick<UsageReporter, 'cpuMillis'>
  readonly pods: () => readonly MeasuredPod[]
  /** Busy processors of late, in thousandths of a core. */
  readonly nodeCpuMillis: () => number
  readonly deviceName: (device: string) => string
  readonly agent: () => Omit<AgentPageParts, 'claims'>
  /** Counted elsewhere. */
  readonly families: () => readonly Family[]
}

/**
 * The pages that kubelet has for those who measure: nothing is measured before somebody asks, no page is ever whole in memory, and what
 * makes them is not loaded before.
 */
export const metricsRoutes = (parts: MetricsRouteParts): readonly ServerRoute[] => [
  { path: '/metrics', access: 'everybody', handle: async () => (await pages()).agentAnswer(parts) },
  { path: '/metrics/resource', access: 'tunnel', handle: async () => (await pages()).resourceAnswer(parts) },
  { path: '/metrics/cadvisor', access: 'tunnel', handle: async () => (await pages()).cadvisorAnswer(parts) },
  {
    path: '/stats/summary',
    access: 'tunnel',
    handle: async ({ query }) => (await pages()).summaryAnswer(parts, /^(true|1)$/i.test(query.get('only_cpu_and_memory') ?? '')),
  },
]

const pages = () => import('./metrics-pages.ts')
