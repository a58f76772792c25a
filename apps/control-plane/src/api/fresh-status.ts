import type { JsonObject, JsonValue } from '@bramble/api/object'
import type { ResourceDefinition } from './resource.ts'
import { resolve } from './schema/definitions.ts'
import type { ObjectSchema } from './schema/object-schema.ts'

/**
 * The status of a new object, before anybody has filled it in: what Go writes of a struct without content, so that clients
 * find every field that is not optional. Undefined for custom kinds, which have no such struct. A copy that may be changed.
 */
export function freshStatus({ group, kind, schema, subresources, custom }: ResourceDefinition): JsonObject | undefined {
  if (!subresources?.status || custom) return undefined
  const status = propertiesOf(schema)['status']
  if (!status) return undefined
  const { required = [] } = resolve(status) as { readonly required?: readonly string[] }
  const properties = propertiesOf(status)
  const zeros = required.map((name) => [name, zeroOf(properties[name])] as const).filter(([, value]) => value !== undefined)
  return { ...Object.fromEntries(zeros), ...ALSO[`${group}/${kind}`] }
}

/** What the schema calls optional and Go writes all the same. Source: the types of k8s.io/api. */
const ALSO: Readonly<Record<string, JsonObject>> = {
  '/Node': {
    daemonEndpoints: { kubeletEndpoint: { Port: 0 } },
    nodeInfo: {
      machineID: '',
      systemUUID: '',
      bootID: '',
      kernelVersion: '',
      osImage: '',
      containerRuntimeVersion: '',
      kubeletVersion: '',
      kubeProxyVersion: '',
      operatingSystem: '',
      architecture: '',
    },
  },
  '/Service': { loadBalancer: {} },
  'apps/StatefulSet': { availableReplicas: 0 },
  'networking.k8s.io/Ingress': { loadBalancer: {} },
  'policy/PodDisruptionBudget': { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 },
}

function propertiesOf(schema: ObjectSchema): Readonly<Record<string, ObjectSchema>> {
  const found = resolve(schema)
  return found.type === 'object' ? found.properties : {}
}

function zeroOf(schema: ObjectSchema | undefined): JsonValue | undefined {
  switch (schema && resolve(schema).type) {
    case 'integer':
      return 0
    case 'boolean':
      return false
    default:
      return undefined
  }
}
