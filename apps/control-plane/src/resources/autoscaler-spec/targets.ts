import { quantityText } from '@bramble/api/quantity-text'
import type { HorizontalPodAutoscaler, MetricSpec, MetricStatus, MetricTarget, MetricValue } from '@bramble/api/types/autoscaling'

const SHOWN_MAX = 2
const UNKNOWN = '<unknown>'

/**
 * What is measured of what is wanted, per metric: `cpu: 12%/80%`, `3/10 (avg)`.
 * @see Source: Kubernetes pkg/printers/internalversion formatHPAMetrics.
 */
export function targetsText({ spec: { metrics = [] }, status }: HorizontalPodAutoscaler): string {
  if (metrics.length === 0) return '<none>'
  const texts = metrics.map((metric, index) => metricText(metric, status?.currentMetrics?.[index]))
  const shown = texts.slice(0, SHOWN_MAX).join(', ')
  return texts.length > SHOWN_MAX ? `${shown} + ${texts.length - SHOWN_MAX} more...` : shown
}

function metricText(spec: MetricSpec, status: MetricStatus | undefined): string {
  switch (spec.type) {
    case 'External':
      return valueText(spec.external?.target, status?.external?.current)
    case 'Object':
      return valueText(spec.object?.target, status?.object?.current)
    case 'Pods':
      return `${amountText(status?.pods?.current?.averageValue)}/${quantityText(spec.pods?.target?.averageValue)}`
    case 'Resource':
      return `${spec.resource?.name ?? ''}: ${shareText(spec.resource?.target, status?.resource?.current)}`
    case 'ContainerResource':
      return `${spec.containerResource?.name ?? ''}: ${shareText(spec.containerResource?.target, status?.containerResource?.current)}`
    default:
      return '<unknown type>'
  }
}

const valueText = (target: MetricTarget = {}, current: MetricValue = {}): string =>
  target.averageValue === undefined
    ? `${amountText(current.value)}/${quantityText(target.value)}`
    : `${amountText(current.averageValue)}/${quantityText(target.averageValue)} (avg)`

function shareText(target: MetricTarget = {}, current: MetricValue = {}): string {
  if (target.averageValue !== undefined) return `${amountText(current.averageValue)}/${quantityText(target.averageValue)}`
  return `${percentText(current.averageUtilization) ?? UNKNOWN}/${percentText(target.averageUtilization) ?? '<auto>'}`
}

const amountText = (amount: MetricValue['value']): string => (amount === undefined ? UNKNOWN : quantityText(amount))
const percentText = (percent: number | undefined): string | undefined => (percent === undefined ? undefined : `${percent}%`)
