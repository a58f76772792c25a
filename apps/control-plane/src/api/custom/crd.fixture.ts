import type { JsonObject } from '@bramble/api/object'
import type { CustomResourceVersion, JsonSchema } from '@bramble/api/types/custom-resource-definition'

/** A CustomResourceDefinition of `widgets.example.com`, with one version `v1` of this schema unless a test says otherwise. */
export function aCrd(options: {
  readonly spec?: JsonSchema
  readonly schema?: JsonSchema
  readonly version?: Partial<CustomResourceVersion>
  readonly versions?: readonly CustomResourceVersion[]
  readonly crd?: JsonObject
}): JsonObject {
  const { spec = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }, schema, version, crd } = options
  const versions = options.versions ?? [aVersion('v1', { ...version, schema: { openAPIV3Schema: schema ?? specSchema(spec) } })]
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'widgets.example.com' },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { plural: 'widgets', kind: 'Widget', shortNames: ['wd'], categories: ['all'] },
      versions: versions as unknown as JsonObject[],
      ...crd,
    },
  }
}

export const specSchema = (spec: JsonSchema, rest: Record<string, JsonSchema> = {}): JsonSchema => ({
  type: 'object',
  properties: { spec, status: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }, ...rest },
})

export const aVersion = (name: string, rest: Partial<CustomResourceVersion> = {}): CustomResourceVersion => ({
  name,
  served: true,
  storage: true,
  schema: { openAPIV3Schema: specSchema({ type: 'object', 'x-kubernetes-preserve-unknown-fields': true }) },
  ...rest,
})

export const aWidget = (spec: JsonObject, rest: JsonObject = {}): JsonObject => ({
  apiVersion: 'example.com/v1',
  kind: 'Widget',
  metadata: { name: 'w', namespace: 'default' },
  spec,
  ...rest,
})
