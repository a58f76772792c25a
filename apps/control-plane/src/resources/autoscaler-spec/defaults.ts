import type { HorizontalPodAutoscaler, ScalingRules } from '@bramble/api/types/autoscaling'

const CPU_PERCENT = 80
const PERIOD_SECONDS = 15

/** Source: Kubernetes pkg/apis/autoscaling/v2 SetDefaults_HorizontalPodAutoscaler, SetDefaults_HorizontalPodAutoscalerBehavior. */
export function applyAutoscalerDefaults({ spec, status }: HorizontalPodAutoscaler): void {
  if (status) status.currentMetrics ??= null // Go never leaves it out
  spec.minReplicas ??= 1
  if (!spec.metrics?.length)
    spec.metrics = [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: CPU_PERCENT } } }]
  if (!spec.behavior) return
  const { scaleUp, scaleDown } = spec.behavior
  spec.behavior.scaleUp = {
    stabilizationWindowSeconds: 0,
    selectPolicy: 'Max',
    policies: [
      { type: 'Pods', value: 4, periodSeconds: PERIOD_SECONDS },
      { type: 'Percent', value: 100, periodSeconds: PERIOD_SECONDS },
    ],
    ...given(scaleUp),
  }
  spec.behavior.scaleDown = {
    selectPolicy: 'Max',
    policies: [{ type: 'Percent', value: 100, periodSeconds: PERIOD_SECONDS }],
    ...given(scaleDown),
  }
}

const given = (rules: ScalingRules = {}): ScalingRules =>
  Object.fromEntries(Object.entries(rules).filter(([, value]) => value !== undefined))
