import type { Condition } from '../conditions.ts'
import type { JsonValue, KubeObject, Timestamp } from '../object.ts'

/** Source: apiextensions.k8s.io/v1 CustomResourceDefinition. */
export interface CustomResourceDefinition extends KubeObject {
  spec: CustomResourceDefinitionSpec
  status?: CustomResourceDefinitionStatus
}

export interface CustomResourceDefinitionSpec {
  group: string
  names: CustomResourceNames
  scope: 'Cluster' | 'Namespaced'
  versions: CustomResourceVersion[]
  conversion?: CustomResourceConversion
  preserveUnknownFields?: boolean
}

export interface CustomResourceConversion {
  strategy: string
  webhook?: { conversionReviewVersions?: string[]; clientConfig?: object }
}

export interface CustomResourceNames {
  plural: string
  singular?: string
  shortNames?: string[]
  kind: string
  listKind?: string
  categories?: string[]
}

export interface CustomResourceVersion {
  name: string
  served: boolean
  storage: boolean
  deprecated?: boolean
  deprecationWarning?: string
  schema?: { openAPIV3Schema?: JsonSchema }
  subresources?: { status?: object; scale?: CustomResourceScale }
  additionalPrinterColumns?: CustomResourceColumn[]
  selectableFields?: { jsonPath: string }[]
}

export interface CustomResourceScale {
  specReplicasPath: string
  statusReplicasPath: string
  labelSelectorPath?: string
}

export interface CustomResourceColumn {
  name: string
  type: string
  format?: string
  description?: string
  priority?: number
  jsonPath: string
}

export interface CustomResourceDefinitionStatus {
  conditions?: (Condition & { lastTransitionTime?: Timestamp })[]
  acceptedNames?: CustomResourceNames
  storedVersions?: string[]
}

/** Source: apiextensions.k8s.io/v1 ValidationRule. */
export interface ValidationRule {
  readonly rule: string
  readonly message?: string
  readonly messageExpression?: string
  readonly reason?: string
  readonly fieldPath?: string
  readonly optionalOldSelf?: boolean
}

/** Source: apiextensions.k8s.io/v1 JSONSchemaProps; those that are forbidden in every schema are named by validation alone. */
export interface JsonSchema {
  readonly type?: string
  readonly format?: string
  readonly title?: string
  readonly description?: string
  readonly default?: JsonValue
  readonly example?: JsonValue
  readonly externalDocs?: object
  readonly nullable?: boolean
  readonly enum?: readonly JsonValue[]
  readonly pattern?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly exclusiveMinimum?: boolean
  readonly exclusiveMaximum?: boolean
  readonly multipleOf?: number
  readonly minLength?: number
  readonly maxLength?: number
  readonly minItems?: number
  readonly maxItems?: number
  readonly uniqueItems?: boolean
  readonly minProperties?: number
  readonly maxProperties?: number
  readonly required?: readonly string[]
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly additionalProperties?: JsonSchema | boolean
  readonly items?: JsonSchema
  readonly allOf?: readonly JsonSchema[]
  readonly anyOf?: readonly JsonSchema[]
  readonly oneOf?: readonly JsonSchema[]
  readonly not?: JsonSchema
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean
  readonly 'x-kubernetes-embedded-resource'?: boolean
  readonly 'x-kubernetes-int-or-string'?: boolean
  readonly 'x-kubernetes-list-type'?: string
  readonly 'x-kubernetes-list-map-keys'?: readonly string[]
  readonly 'x-kubernetes-map-type'?: string
  readonly 'x-kubernetes-validations'?: readonly ValidationRule[]
}

/** Source: apiregistration.k8s.io/v1 APIService. */
export interface ApiService extends KubeObject {
  spec: {
    group?: string
    version?: string
    groupPriorityMinimum: number
    versionPriority: number
    service?: { namespace?: string; name?: string; port?: number }
    caBundle?: string
    insecureSkipTLSVerify?: boolean
  }
  status?: { conditions?: Condition[] }
}
