import type { Condition } from '@bramble/api/conditions'
import type { KubeObject } from '@bramble/api/object'
import type { AutoscalerSpec, AutoscalerStatus, HorizontalPodAutoscaler, MetricSpec, MetricStatus } from '@bramble/api/types/autoscaling'
import { isObject } from '../../api/schema/check.ts'
import { behaviorFrom, behaviorText } from './behavior.ts'
import { type FlatMetric, flatMetric, flatStatus, fullMetric, fullStatus } from './metrics.ts'
import { readable } from './readable.ts'

// autoscaling/v1 knows one metric, the use of cpu; the others travel in annotations.
// Source: Kubernetes pkg/apis/autoscaling/v1 conversion.go.

/** Source: autoscaling/v1 HorizontalPodAutoscaler. */
export interface AutoscalerV1 extends KubeObject {
  spec: Pick<AutoscalerSpec, 'scaleTargetRef' | 'minReplicas' | 'maxReplicas'> & { targetCPUUtilizationPercentage?: number }
  status?: Omit<AutoscalerStatus, 'currentMetrics' | 'conditions'> & { currentCPUUtilizationPercentage?: number }
}

const PREFIX = 'autoscaling.alpha.kubernetes.io/'
const METRICS = `${PREFIX}metrics`
const CURRENT_METRICS = `${PREFIX}current-metrics`
const CONDITIONS = `${PREFIX}conditions`
const BEHAVIOR = `${PREFIX}behavior`

/** What was stored (v2) as a client of v1 sees it. */
export function toV1(object: KubeObject): AutoscalerV1 {
  const { apiVersion: _, metadata, spec, status, ...rest } = object as HorizontalPodAutoscaler
  const { metrics = [], behavior, ...plainSpec } = spec
  const { currentMetrics: measured, conditions = [], ...plainStatus } = status ?? {}
  const currentMetrics = measured ?? []
  const others = metrics.filter((metric) => !isCpuShare(metric))
  const annotations = {
    ...withoutOurs(metadata.annotations),
    ...(others.length > 0 && { [METRICS]: JSON.stringify(others.map(flatMetric)) }),
    ...(currentMetrics.length > 0 && { [CURRENT_METRICS]: JSON.stringify(currentMetrics.map(flatStatus)) }),
    ...(conditions.length > 0 && { [CONDITIONS]: JSON.stringify(conditions) }),
    ...(behavior && { [BEHAVIOR]: behaviorText(behavior) }),
  }
  const wanted = metrics.find(isCpuShare)?.resource?.target?.averageUtilization
  const current = currentMetrics.find(({ resource }) => resource?.name === 'cpu')?.resource?.current?.averageUtilization
  return {
    apiVersion: 'autoscaling/v1',
    ...rest,
    metadata: withAnnotations(metadata, annotations),
    spec: { ...plainSpec, ...(wanted !== undefined && { targetCPUUtilizationPercentage: wanted }) },
    ...(status && {
      status: { currentReplicas: 0, ...plainStatus, ...(current !== undefined && { currentCPUUtilizationPercentage: current }) },
    }),
  }
}

/** What a client of v1 wrote as it is stored (v2). An annotation that cannot be read counts for nothing. */
export function fromV1(object: KubeObject): HorizontalPodAutoscaler {
  const { apiVersion: _, metadata, spec, status, ...rest } = object as AutoscalerV1
  const { targetCPUUtilizationPercentage: wanted, ...plainSpec } = spec
  const { currentCPUUtilizationPercentage: current, currentReplicas, ...plainStatus } = status ?? {}
  const { annotations } = metadata
  const others = listIn(annotations, METRICS, 'MetricSpec', fullMetric) ?? []
  const metrics: MetricSpec[] = [...(wanted === undefined ? [] : [cpuShare(wanted)]), ...others]
  const currentMetrics =
    listIn(annotations, CURRENT_METRICS, 'MetricStatus', fullStatus) ?? (current === undefined ? [] : [currentShare(current)])
  const conditions = listIn<Condition>(annotations, CONDITIONS, 'HorizontalPodAutoscalerCondition')
  const behavior = readable<Behavior>('HorizontalPodAutoscalerBehavior', behaviorFrom(parsed(annotations, BEHAVIOR)))
  return {
    apiVersion: 'autoscaling/v2',
    ...rest,
    metadata: withAnnotations(metadata, withoutOurs(annotations)),
    spec: {
      ...plainSpec,
      ...(metrics.length > 0 && { metrics }),
      ...(behavior && { behavior }),
    },
    ...(status && {
      status: {
        ...(currentReplicas && { currentReplicas }),
        ...plainStatus,
        ...(currentMetrics.length > 0 && { currentMetrics }),
        ...(conditions && { conditions }),
      },
    }),
  }
}

const isCpuShare = ({ type, resource }: MetricSpec): boolean =>
  type === 'Resource' && resource?.name === 'cpu' && resource.target?.averageUtilization !== undefined

const cpuShare = (averageUtilization: number): MetricSpec => ({
  type: 'Resource',
  resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization } },
})
const currentShare = (averageUtilization: number): MetricStatus => ({
  type: 'Resource',
  resource: { name: 'cpu', current: { averageUtilization } },
})

type Annotations = KubeObject['metadata']['annotations']
type Behavior = NonNullable<AutoscalerSpec['behavior']>

const withoutOurs = (annotations: Annotations): Annotations => {
  const ours = new Set([METRICS, CURRENT_METRICS, CONDITIONS, BEHAVIOR])
  return annotations && Object.fromEntries(Object.entries(annotations).filter(([key]) => !ours.has(key)))
}

function withAnnotations(metadata: KubeObject['metadata'], annotations: Annotations): KubeObject['metadata'] {
  const { annotations: before, ...rest } = metadata
  const isEmpty = annotations === undefined || Object.keys(annotations).length === 0
  return isEmpty && Object.keys(before ?? {}).length > 0 ? rest : isEmpty ? metadata : { ...rest, annotations }
}

function parsed(annotations: Annotations, key: string): unknown {
  try {
    return JSON.parse(annotations?.[key] ?? 'null')
  } catch {
    return undefined
  }
}

/** All of a list, or nothing when one element cannot be read. */
function listIn<T>(
  annotations: Annotations,
  key: string,
  definition: string,
  convert: (flat: FlatMetric) => T = (element) => element as T,
): T[] | undefined {
  const list = parsed(annotations, key)
  if (!Array.isArray(list) || !list.every(isObject)) return undefined
  const read = list.map((element) => readable<T & object>(definition, convert(element as FlatMetric)))
  return read.every((element) => element !== undefined) ? (read as T[]) : undefined
}
