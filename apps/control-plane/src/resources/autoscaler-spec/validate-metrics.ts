import { forbiddenField, invalidValue, notSupported, required } from '@bramble/api/field-error'
import type { FieldError } from '@bramble/api/field-error'
import { quantityValue } from '@bramble/api/quantity'
import { quantityText } from '@bramble/api/quantity-text'
import type { MetricIdentifier, MetricSpec, MetricTarget } from '@bramble/api/types/autoscaling'
import type { Quantity } from '@bramble/api/types/pod'
import { pathSegment } from '../name-rules.ts'
import { containerResourceName } from '../resource-names.ts'
import { check, dnsLabel } from '../rules.ts'
import { validateTarget } from './validate.ts'

/** The field of each type, in the order in which they are looked at. */
const FIELDS = {
  Object: 'object',
  External: 'external',
  Pods: 'pods',
  Resource: 'resource',
  ContainerResource: 'containerResource',
} as const
type Field = (typeof FIELDS)[keyof typeof FIELDS]

/** Source: Kubernetes pkg/apis/autoscaling/validation validateMetricSpec. */
export const validateMetrics = (metrics: readonly MetricSpec[], path: string): readonly FieldError[] =>
  metrics.flatMap((metric, index) => validateMetric(metric, `${path}[${index}]`))

function validateMetric(metric: MetricSpec, path: string): readonly FieldError[] {
  const { type } = metric
  const isKnown = type !== undefined && Object.hasOwn(FIELDS, type)
  const expected = isKnown ? FIELDS[type] : undefined
  const present = Object.values(FIELDS).filter((field) => metric[field] !== undefined)
  const errors: FieldError[] = []
  if (!type) errors.push(required(`${path}.type`, 'must specify a metric source type'))
  if (!isKnown) errors.push(notSupported(`${path}.type`, type ?? '', Object.keys(FIELDS)))
  if (present[0]) errors.push(...validateSource(metric, present[0], `${path}.${present[0]}`))
  if (expected && metric[expected] === undefined)
    errors.push(required(`${path}.${expected}`, 'must populate information for the given metric source'))
  if (!expected) errors.push(notSupported(`${path}.type`, type ?? '', Object.keys(FIELDS)))
  if (present.length !== 1)
    errors.push(
      ...present
        .filter((field) => field !== expected)
        .map((field) => forbiddenField(`${path}.${field}`, 'must populate the given metric source only')),
    )
  return errors
}

function validateSource(metric: MetricSpec, field: Field, path: string): readonly FieldError[] {
  const target = metric[field]?.target ?? {}
  const at = `${path}.target`
  switch (field) {
    case 'object':
      return [
        ...validateTarget(metric.object!.describedObject, `${path}.describedObject`),
        ...validateIdentifier(metric.object!.metric, `${path}.metric`),
        ...validateAmounts(target, at),
        ...(target.value === undefined && target.averageValue === undefined
          ? [required(`${at}.averageValue`, 'must set either a target value or averageValue')]
          : []),
      ]
    case 'external':
      return [
        ...validateIdentifier(metric.external!.metric, `${path}.metric`),
        ...validateAmounts(target, at),
        ...(target.value === undefined && target.averageValue === undefined
          ? [required(`${at}.averageValue`, 'must set either a target value for metric or a per-pod target')]
          : []),
        ...(target.value !== undefined && target.averageValue !== undefined
          ? [forbiddenField(`${at}.value`, 'may not set both a target value for metric and a per-pod target')]
          : []),
      ]
    case 'pods':
      return [
        ...validateIdentifier(metric.pods!.metric, `${path}.metric`),
        ...validateAmounts(target, at),
        ...(target.averageValue === undefined ? [required(`${at}.averageValue`, 'must specify a positive target averageValue')] : []),
      ]
    case 'resource':
      return [...named(metric.resource!.name, `${path}.name`), ...validateShare(target, at)]
    case 'containerResource':
      return [...validateContainer(metric.containerResource!, path), ...validateShare(target, at)]
  }
}

const named = (name: string | undefined, path: string): readonly FieldError[] =>
  name ? [] : [required(path, 'must specify a resource name')]

const validateContainer = ({ name, container }: NonNullable<MetricSpec['containerResource']>, path: string): readonly FieldError[] => [
  ...(name ? containerResourceName(name, `${path}.name`) : named(name, `${path}.name`)),
  ...(container ? check(`${path}.container`, container, dnsLabel) : [required(`${path}.container`, 'must specify a container')]),
]

function validateShare(target: MetricTarget, path: string): readonly FieldError[] {
  const [hasShare, hasAmount] = [target.averageUtilization !== undefined, target.averageValue !== undefined]
  return [
    ...validateAmounts(target, path),
    ...(hasShare || hasAmount
      ? []
      : [required(`${path}.averageUtilization`, 'must set either a target raw value or a target utilization')]),
    ...(hasShare && hasAmount
      ? [forbiddenField(`${path}.averageValue`, 'may not set both a target raw value and a target utilization')]
      : []),
  ]
}

function validateAmounts({ type, value, averageValue, averageUtilization }: MetricTarget, path: string): readonly FieldError[] {
  const positive = (amount: Quantity | undefined, field: string): readonly FieldError[] =>
    amount === undefined || (quantityValue(amount) ?? 0) > 0
      ? []
      : [invalidValue(`${path}.${field}`, quantityText(amount), 'must be positive')]
  return [
    ...(type ? [] : [required(`${path}.type`, 'must specify a metric target type')]),
    ...(type === 'Utilization' || type === 'Value' || type === 'AverageValue'
      ? []
      : [invalidValue(`${path}.type`, type ?? '', 'must be either Utilization, Value, or AverageValue')]),
    ...positive(value, 'value'),
    ...positive(averageValue, 'averageValue'),
    ...(averageUtilization !== undefined && averageUtilization < 1
      ? [invalidValue(`${path}.averageUtilization`, averageUtilization, 'must be greater than 0')]
      : []),
  ]
}

function validateIdentifier({ name }: MetricIdentifier = {}, path: string): readonly FieldError[] {
  return name ? check(`${path}.name`, name, pathSegment) : [required(`${path}.name`, 'must specify a metric name')]
}
