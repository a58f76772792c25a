import type { LabelSelector } from '@bramble/api/labels'
import type { MetricSpec, MetricStatus, MetricTarget, MetricType, MetricValue, ScaleTarget } from '@bramble/api/types/autoscaling'
import type { Quantity } from '@bramble/api/types/pod'

/** A metric as autoscaling/v1 writes it into its annotations: wanted and current values have fields of their own. */
export interface FlatMetric {
  type?: MetricType
  object?: {
    target?: ScaleTarget
    metricName?: string
    selector?: LabelSelector
    averageValue?: Quantity
    targetValue?: Quantity
    currentValue?: Quantity
  }
  pods?: { metricName?: string; selector?: LabelSelector; targetAverageValue?: Quantity; currentAverageValue?: Quantity }
  resource?: FlatShare
  containerResource?: FlatShare & { container?: string }
  external?: {
    metricName?: string
    metricSelector?: LabelSelector
    targetValue?: Quantity
    targetAverageValue?: Quantity
    currentValue?: Quantity
    currentAverageValue?: Quantity
  }
}

interface FlatShare {
  name?: string
  targetAverageUtilization?: number
  targetAverageValue?: Quantity
  currentAverageUtilization?: number
  currentAverageValue?: Quantity
}

/** Source: Kubernetes pkg/apis/autoscaling/v1 conversion.go, one function per source. */
export function flatMetric({ type, object, pods, resource, containerResource, external }: MetricSpec): FlatMetric {
  return dense({
    type,
    object: object && {
      target: object.describedObject,
      metricName: object.metric?.name,
      targetValue: object.target?.value ?? '0',
      selector: object.metric?.selector,
      averageValue: object.target?.averageValue,
    },
    pods: pods && { metricName: pods.metric?.name, targetAverageValue: pods.target?.averageValue ?? '0', selector: pods.metric?.selector },
    resource: resource && { name: resource.name, ...wantedShare(resource.target) },
    containerResource: containerResource && {
      name: containerResource.name,
      ...wantedShare(containerResource.target),
      container: containerResource.container,
    },
    external: external && {
      metricName: external.metric?.name,
      metricSelector: external.metric?.selector,
      targetValue: external.target?.value,
      targetAverageValue: external.target?.averageValue,
    },
  })
}

export function fullMetric({ type, object, pods, resource, containerResource, external }: FlatMetric): MetricSpec {
  return dense({
    type,
    object: object && {
      describedObject: object.target,
      metric: { name: object.metricName, selector: object.selector },
      target:
        object.averageValue === undefined
          ? { type: 'Value', value: object.targetValue }
          : { type: 'AverageValue', value: given(object.targetValue), averageValue: object.averageValue },
    },
    pods: pods && {
      metric: { name: pods.metricName, selector: pods.selector },
      target: { type: 'AverageValue', averageValue: pods.targetAverageValue },
    },
    resource: resource && { name: resource.name, target: fullShare(resource) },
    containerResource: containerResource && {
      name: containerResource.name,
      container: containerResource.container,
      target: fullShare(containerResource),
    },
    external: external && {
      metric: { name: external.metricName, selector: external.metricSelector },
      target: {
        type: external.targetValue === undefined ? 'AverageValue' : 'Value',
        value: external.targetValue,
        averageValue: external.targetAverageValue,
      },
    },
  })
}

export function flatStatus({ type, object, pods, resource, containerResource, external }: MetricStatus): FlatMetric {
  return dense({
    type,
    object: object && {
      target: object.describedObject,
      metricName: object.metric?.name,
      currentValue: object.current?.value ?? '0',
      selector: object.metric?.selector,
      averageValue: object.current?.averageValue,
    },
    pods: pods && {
      metricName: pods.metric?.name,
      currentAverageValue: pods.current?.averageValue ?? '0',
      selector: pods.metric?.selector,
    },
    resource: resource && { name: resource.name, ...currentShare(resource.current) },
    containerResource: containerResource && {
      name: containerResource.name,
      ...currentShare(containerResource.current),
      container: containerResource.container,
    },
    external: external && {
      metricName: external.metric?.name,
      metricSelector: external.metric?.selector,
      currentValue: external.current?.value ?? '0',
      currentAverageValue: external.current?.averageValue,
    },
  })
}

export function fullStatus({ type, object, pods, resource, containerResource, external }: FlatMetric): MetricStatus {
  const share = ({ currentAverageUtilization, currentAverageValue }: FlatShare): MetricValue => ({
    averageUtilization: currentAverageUtilization,
    averageValue: currentAverageValue,
  })
  return dense({
    type,
    object: object && {
      describedObject: object.target,
      metric: { name: object.metricName, selector: object.selector },
      current: { value: given(object.currentValue), averageValue: object.averageValue },
    },
    pods: pods && { metric: { name: pods.metricName, selector: pods.selector }, current: { averageValue: pods.currentAverageValue } },
    resource: resource && { name: resource.name, current: share(resource) },
    containerResource: containerResource && {
      name: containerResource.name,
      container: containerResource.container,
      current: share(containerResource),
    },
    external: external && {
      metric: { name: external.metricName, selector: external.metricSelector },
      current: { value: given(external.currentValue), averageValue: external.currentAverageValue },
    },
  })
}

const wantedShare = ({ averageUtilization, averageValue }: MetricTarget = {}): FlatShare => ({
  targetAverageUtilization: averageUtilization,
  targetAverageValue: averageValue,
})
const currentShare = ({ averageUtilization, averageValue }: MetricValue = {}): FlatShare => ({
  currentAverageUtilization: averageUtilization,
  currentAverageValue: averageValue ?? '0',
})
const fullShare = ({ targetAverageUtilization, targetAverageValue }: FlatShare): MetricTarget => ({
  type: targetAverageUtilization === undefined ? 'AverageValue' : 'Utilization',
  averageUtilization: targetAverageUtilization,
  averageValue: targetAverageValue,
})

/** v1 writes a zero where there is nothing. */
const given = (amount: Quantity | undefined): Quantity | undefined => (amount === undefined || Number(amount) === 0 ? undefined : amount)

/** Without fields that are not there: what is written must not differ from what was never said. */
function dense<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, inner]) => inner !== undefined)
      .map(([name, inner]) => [name, dense(inner as unknown)]),
  ) as T
}
