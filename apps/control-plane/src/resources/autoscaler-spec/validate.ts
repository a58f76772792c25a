import { forbiddenField, invalidValue, notSupported, required } from '@bramble/api/field-error'
import type { FieldError } from '@bramble/api/field-error'
import type { HorizontalPodAutoscaler, ScaleTarget, ScalingRules } from '@bramble/api/types/autoscaling'
import { referencedName } from '../name-rules.ts'
import { check, notNegative } from '../rules.ts'
import { validateMetrics } from './validate-metrics.ts'

const PERIOD_SECONDS_MAX = 1_800
const WINDOW_SECONDS_MAX = 3_600

/** Source: Kubernetes pkg/apis/autoscaling/validation ValidateHorizontalPodAutoscaler and its update. */
export function validateAutoscaler(
  { spec, status }: HorizontalPodAutoscaler,
  previous: HorizontalPodAutoscaler | undefined,
): readonly FieldError[] {
  const { minReplicas, maxReplicas = 0, behavior } = spec
  const least = previous?.spec.minReplicas === 0 ? 0 : 1
  return [
    ...(minReplicas !== undefined && minReplicas < least
      ? [invalidValue('spec.minReplicas', minReplicas, `must be greater than or equal to ${least}`)]
      : []),
    ...(maxReplicas < 1 ? [invalidValue('spec.maxReplicas', maxReplicas, 'must be greater than 0')] : []),
    ...(minReplicas !== undefined && maxReplicas < minReplicas
      ? [invalidValue('spec.maxReplicas', maxReplicas, 'must be greater than or equal to `minReplicas`')]
      : []),
    ...validateTarget(spec.scaleTargetRef, 'spec.scaleTargetRef'),
    ...validateMetrics(spec.metrics ?? [], 'spec.metrics'),
    ...scalesToZero(spec),
    ...validateRules(behavior?.scaleUp, 'spec.behavior.scaleUp'),
    ...validateRules(behavior?.scaleDown, 'spec.behavior.scaleDown'),
    ...(['currentReplicas', 'desiredReplicas'] as const).flatMap((field) => check(`status.${field}`, status?.[field] ?? 0, notNegative)),
  ]
}

export const validateTarget = ({ kind, name }: ScaleTarget = {}, path: string): readonly FieldError[] => [
  ...referencedName(`${path}.kind`, kind),
  ...referencedName(`${path}.name`, name),
]

const scalesToZero = ({ minReplicas, metrics = [] }: HorizontalPodAutoscaler['spec']): readonly FieldError[] =>
  minReplicas === 0 && !metrics.some(({ type }) => type === 'Object' || type === 'External')
    ? [forbiddenField('spec.metrics', 'must specify at least one Object or External metric to support scaling to zero replicas')]
    : []

const SELECT_POLICIES = ['Disabled', 'Max', 'Min']

function validateRules(rules: ScalingRules | undefined, path: string): readonly FieldError[] {
  if (rules === undefined) return []
  const { stabilizationWindowSeconds: seconds, selectPolicy, policies = [] } = rules
  const at = `${path}.stabilizationWindowSeconds`
  return [
    ...(seconds !== undefined && seconds < 0 ? [invalidValue(at, seconds, 'must be greater than or equal to zero')] : []),
    ...(seconds !== undefined && seconds > WINDOW_SECONDS_MAX
      ? [invalidValue(at, seconds, `must be less than or equal to ${WINDOW_SECONDS_MAX}`)]
      : []),
    ...(selectPolicy !== undefined && !SELECT_POLICIES.includes(selectPolicy)
      ? [notSupported(`${path}.selectPolicy`, selectPolicy, SELECT_POLICIES)]
      : []),
    ...(policies.length === 0 ? [required(`${path}.policies`, 'must specify at least one Policy')] : []),
    ...policies.flatMap((policy, index) => validatePolicy(policy, `${path}.policies[${index}]`)),
  ]
}

function validatePolicy(
  { type = '', value = 0, periodSeconds = 0 }: NonNullable<ScalingRules['policies']>[number],
  path: string,
): readonly FieldError[] {
  return [
    ...(type === 'Pods' || type === 'Percent' ? [] : [notSupported(`${path}.type`, type, ['Percent', 'Pods'])]),
    ...(value > 0 ? [] : [invalidValue(`${path}.value`, value, 'must be greater than zero')]),
    ...(periodSeconds > 0 ? [] : [invalidValue(`${path}.periodSeconds`, periodSeconds, 'must be greater than zero')]),
    ...(periodSeconds > PERIOD_SECONDS_MAX
      ? [invalidValue(`${path}.periodSeconds`, periodSeconds, `must be less than or equal to ${PERIOD_SECONDS_MAX}`)]
      : []),
  ]
}
