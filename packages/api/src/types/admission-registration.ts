import type { Condition } from '../conditions.ts'
import type { LabelSelector } from '../labels.ts'
import type { KubeObject } from '../object.ts'

// Source: Kubernetes 1.36 API, admissionregistration.k8s.io/v1.

export interface WebhookConfiguration extends KubeObject {
  webhooks?: Webhook[]
}
export interface Webhook {
  name?: string
  clientConfig?: WebhookClientConfig
  rules?: RuleWithOperations[]
  failurePolicy?: string
  matchPolicy?: string
  namespaceSelector?: LabelSelector
  objectSelector?: LabelSelector
  sideEffects?: string
  timeoutSeconds?: number
  admissionReviewVersions?: string[]
  matchConditions?: MatchCondition[]
  /** Of mutating webhooks only. */
  reinvocationPolicy?: string
}
export interface WebhookClientConfig {
  url?: string
  service?: { namespace?: string; name?: string; path?: string; port?: number }
  /** Base64. */
  caBundle?: string
}
export interface RuleWithOperations {
  operations?: string[]
  apiGroups?: string[]
  apiVersions?: string[]
  resources?: string[]
  scope?: string
}
export interface MatchCondition {
  name?: string
  expression?: string
}

export interface MatchResources {
  namespaceSelector?: LabelSelector
  objectSelector?: LabelSelector
  resourceRules?: NamedRule[]
  excludeResourceRules?: NamedRule[]
  matchPolicy?: string
}
export interface NamedRule extends RuleWithOperations {
  resourceNames?: string[]
}
export interface ParamKind {
  apiVersion?: string
  kind?: string
}
export interface PolicyVariable {
  name?: string
  expression?: string
}

interface PolicySpec {
  paramKind?: ParamKind
  matchConstraints?: MatchResources
  matchConditions?: MatchCondition[]
  variables?: PolicyVariable[]
  failurePolicy?: string
}
export interface ValidatingAdmissionPolicy extends KubeObject {
  spec: PolicySpec & {
    validations?: PolicyValidation[]
    auditAnnotations?: { key?: string; valueExpression?: string }[]
  }
  status?: { observedGeneration?: number; conditions?: Condition[]; typeChecking?: unknown }
}
export interface PolicyValidation {
  expression?: string
  message?: string
  messageExpression?: string
  reason?: string
}
export interface MutatingAdmissionPolicy extends KubeObject {
  spec: PolicySpec & { mutations?: PolicyMutation[]; reinvocationPolicy?: string }
}
export interface PolicyMutation {
  patchType?: string
  applyConfiguration?: { expression?: string }
  jsonPatch?: { expression?: string }
}

export interface AdmissionPolicyBinding extends KubeObject {
  spec: {
    policyName?: string
    paramRef?: ParamRef
    matchResources?: MatchResources
    /** Of validating policies only. */
    validationActions?: string[]
  }
}
export interface ParamRef {
  name?: string
  namespace?: string
  selector?: LabelSelector
  parameterNotFoundAction?: string
}
