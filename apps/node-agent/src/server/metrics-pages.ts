import type { Family } from '@bramble/reconcile/metrics/family'
import { processMetrics } from '@bramble/reconcile/metrics/process-metrics'
import { METRICS_TYPE, metricsParts } from '@bramble/reconcile/metrics/text'
import type { ClaimReading } from '../metrics/disk-measures.ts'
import type { MeasuredPod } from '../metrics/measured-pod.ts'
import type { Measures, PodReading } from '../metrics/measures.ts'
import { agentFamilies } from '../metrics/pages/agent.ts'
import { cadvisorFamilies } from '../metrics/pages/cadvisor.ts'
import { resourceFamilies } from '../metrics/pages/resource.ts'
import { nodeSummary, podSummary } from '../metrics/pages/summary.ts'
import type { MetricsRouteParts } from './metrics-routes.ts'
import type { ServerAnswer } from './routes.ts'

/** `/metrics`. */
export const agentAnswer = (parts: MetricsRouteParts): ServerAnswer => familiesAnswer(agentPage(parts))
/** `/metrics/resource`. */
export const resourceAnswer = (parts: MetricsRouteParts): ServerAnswer => familiesAnswer(resourcePage(parts))
/** `/metrics/cadvisor`. */
export const cadvisorAnswer = (parts: MetricsRouteParts): ServerAnswer => familiesAnswer(cadvisorPage(parts))
/** `/stats/summary`. @param isBrief Only processor and memory. */
export const summaryAnswer = (parts: MetricsRouteParts, isBrief: boolean): ServerAnswer => ({
  contentType: 'application/json',
  body: summaryPage(parts, isBrief),
})

async function* agentPage({ agent, families, measures, pods, disks }: MetricsRouteParts): AsyncGenerator<Family, void> {
  const claiming = pods().filter(({ containers }) => containers.some(({ claims }) => claims.length > 0))
  const claims: (ClaimReading & { readonly namespace: string })[] = []
  for await (const { pod, containers } of measures.pods(claiming))
    for (const reading of await disks.claims(containers)) claims.push({ ...reading, namespace: pod.namespace })
  yield* agentFamilies({ ...agent(), claims })
  yield* families()
  yield* await processMetrics()
}

async function* resourcePage({ measures, pods }: MetricsRouteParts): AsyncGenerator<Family, void> {
  const { readings, failed } = await readAll(measures, pods())
  yield* resourceFamilies(measures.machine(), readings, failed)
}

async function* cadvisorPage(parts: MetricsRouteParts): AsyncGenerator<Family, void> {
  const { env, measures, disks, cpuCount, deviceName } = parts
  const pods = parts.pods()
  const [count, root, images] = await Promise.all([disks.count(pods), disks.node(), disks.images()])
  const { readings, failed } = await readAll(measures, pods)
  yield* cadvisorFamilies({
    nowMs: env.clock.nowMs(),
    cpuCount,
    machine: measures.machine(),
    readings,
    count,
    deviceName,
    failed,
    ...(root && { root }),
    ...(images && { images }),
  })
}

async function* summaryPage(parts: MetricsRouteParts, isBrief: boolean): AsyncGenerator<string, void> {
  const { env, nodeName, measures, disks, usage } = parts
  const pods = parts.pods()
  const nowMs = env.clock.nowMs()
  const [count, root, images] = isBrief ? [] : await Promise.all([disks.count(pods), disks.node(), disks.images()])
  const fileSystems = { ...(root && { node: root }), ...(images && { images }) }
  let between = ''
  let first: PodReading | undefined
  yield '{"pods":['
  for await (const reading of measures.pods(pods)) {
    first ??= reading
    const claims = isBrief ? [] : await disks.claims(reading.containers)
    const summary = podSummary({
      reading,
      nowMs,
      cpuMillis: ({ container, usage: { cpu } }) => cpu && usage.cpuMillis(reading.pod, container.id, cpu.usageNs),
      ...(count && { disks: { count, claims, ...fileSystems } }),
    })
    yield `${between}${JSON.stringify(summary)}`
    between = ','
  }
  const { user, system } = process.cpuUsage()
  const node = nodeSummary({
    nodeName,
    nowMs,
    machine: measures.machine(),
    cpuMillis: parts.nodeCpuMillis(),
    agent: { cpuNs: (user + system) * 1000, rssBytes: process.memoryUsage.rss(), startedAtMs: performance.timeOrigin },
    ...(first && { allPods: measures.allPods(first) }),
    ...(!isBrief && { disks: fileSystems }),
  })
  yield `],"node":${JSON.stringify(node)}}`
}

/** `failed`: there are pods that run, and nothing can be read of them. */
async function readAll(measures: Measures, pods: readonly MeasuredPod[]) {
  const readings: PodReading[] = []
  for await (const reading of measures.pods(pods)) readings.push(reading)
  return { readings, failed: readings.length === 0 && pods.some(({ containers }) => containers.length > 0) }
}

const familiesAnswer = (families: AsyncIterable<Family>): ServerAnswer => ({ contentType: METRICS_TYPE, body: textOf(families) })

async function* textOf(families: AsyncIterable<Family>): AsyncGenerator<string, void> {
  for await (const family of families) yield* metricsParts([family])
}
