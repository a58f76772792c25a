import type { Condition } from '../conditions.ts'
import type { LabelSelector } from '../labels.ts'
import type { KubeObject, Timestamp } from '../object.ts'
import type { Quantity } from './pod.ts'

// Source: Kubernetes 1.36 API, autoscaling/v2.

export interface HorizontalPodAutoscaler extends KubeObject {
  spec: AutoscalerSpec
  status?: AutoscalerStatus
}

export interface AutoscalerSpec {
  scaleTargetRef?: ScaleTarget
  minReplicas?: number
  maxReplicas?: number
  metrics?: MetricSpec[]
  behavior?: { scaleUp?: ScalingRules; scaleDown?: ScalingRules }
}

export interface AutoscalerStatus {
  observedGeneration?: number
  lastScaleTime?: Timestamp
  currentReplicas?: number
  desiredReplicas?: number
  currentMetrics?: MetricStatus[] | null
  conditions?: Condition[]
}

export interface ScaleTarget {
  apiVersion?: string
  kind?: string
  name?: string
}

export interface ScalingRules {
  stabilizationWindowSeconds?: number
  selectPolicy?: string
  policies?: { type?: string; value?: number; periodSeconds?: number }[]
  tolerance?: Quantity
}

export type MetricType = 'Object' | 'Pods' | 'Resource' | 'ContainerResource' | 'External'

export interface MetricSpec {
  type?: MetricType
  object?: { describedObject?: ScaleTarget; metric?: MetricIdentifier; target?: MetricTarget }
  pods?: { metric?: MetricIdentifier; target?: MetricTarget }
  resource?: { name?: string; target?: MetricTarget }
  containerResource?: { name?: string; container?: string; target?: MetricTarget }
  external?: { metric?: MetricIdentifier; target?: MetricTarget }
}

export interface MetricIdentifier {
  name?: string
  selector?: LabelSelector
}

export interface MetricTarget extends MetricValue {
  type?: string
}

export interface MetricValue {
  value?: Quantity
  averageValue?: Quantity
  averageUtilization?: number
}

export interface MetricStatus {
  type?: MetricType
  object?: { describedObject?: ScaleTarget; metric?: MetricIdentifier; current?: MetricValue }
  pods?: { metric?: MetricIdentifier; current?: MetricValue }
  resource?: { name?: string; current?: MetricValue }
  containerResource?: { name?: string; container?: string; current?: MetricValue }
  external?: { metric?: MetricIdentifier; current?: MetricValue }
}
