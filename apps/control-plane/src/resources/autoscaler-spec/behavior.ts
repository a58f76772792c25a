import type { AutoscalerSpec, ScalingRules } from '@bramble/api/types/autoscaling'

// How autoscaling/v1 carries a behaviour in an annotation: as Go writes it without JSON names. Kubernetes did so once and has
// kept to it. Source: Kubernetes pkg/apis/autoscaling/v1 conversion.go.

type Behavior = NonNullable<AutoscalerSpec['behavior']>

export const behaviorText = ({ scaleUp, scaleDown }: Behavior): string =>
  JSON.stringify({ ScaleUp: goRules(scaleUp), ScaleDown: goRules(scaleDown) })

const goRules = (rules: ScalingRules | undefined): object | null =>
  rules === undefined
    ? null
    : {
        StabilizationWindowSeconds: rules.stabilizationWindowSeconds ?? null,
        SelectPolicy: rules.selectPolicy ?? null,
        Policies:
          rules.policies?.map(({ type, value, periodSeconds }) => ({ Type: type, Value: value, PeriodSeconds: periodSeconds })) ?? null,
        Tolerance: rules.tolerance ?? null,
      }

/** The way back; null is nothing. */
export function behaviorFrom(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(behaviorFrom)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, inner]) => inner !== null)
      .map(([name, inner]) => [name.slice(0, 1).toLowerCase() + name.slice(1), behaviorFrom(inner)]),
  )
}
