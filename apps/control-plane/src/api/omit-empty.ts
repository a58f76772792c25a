import type { JsonValue } from '@bramble/api/object'
import { isObject } from './schema/check.ts'
import { resolve } from './schema/definitions.ts'
import type { ObjectSchema } from './schema/object-schema.ts'

/**
 * Drops maps and lists that are empty, unless the schema requires them, as Kubernetes does with every object of a built-in kind: a
 * patch that removes the last entry leaves no `data: {}`. Structs stay: `emptyDir: {}` says something. In place.
 *
 * @see Source: Go's encoding/json `omitempty`, which the types of the API have on all that is optional.
 */
export function omitEmpty(schema: ObjectSchema, value: JsonValue): void {
  const found = resolve(schema)
  const kept = schema.type === 'ref' ? ALWAYS_WRITTEN[schema.ref] : undefined
  if (found.type === 'array' && Array.isArray(value)) for (const item of value as readonly JsonValue[]) omitEmpty(found.items, item)
  if (!isObject(value)) return
  if (found.type === 'map') for (const inner of Object.values(value)) if (inner !== undefined) omitEmpty(found.values, inner)
  if (found.type !== 'object') return
  for (const [name, inner] of Object.entries(value)) {
    const property = Object.hasOwn(found.properties, name) ? found.properties[name] : undefined
    if (!property || typeof inner !== 'object' || inner === null) continue
    if (isEmptyCollection(property, inner) && !found.required?.includes(name) && !kept?.includes(name))
      delete (value as Record<string, JsonValue>)[name]
    else omitEmpty(property, inner)
  }
}

/** Lists that are optional and are written all the same. */
const ALWAYS_WRITTEN: Readonly<Record<string, readonly string[]>> = {
  'io.k8s.api.discovery.v1.EndpointSlice': ['endpoints', 'ports'],
  'io.k8s.api.rbac.v1.Role': ['rules'],
  'io.k8s.api.rbac.v1.ClusterRole': ['rules'],
  'io.k8s.api.autoscaling.v2.HorizontalPodAutoscalerStatus': ['currentMetrics'],
  'io.k8s.api.authentication.v1.TokenRequestSpec': ['audiences'],
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinitionStatus': ['conditions', 'storedVersions'],
}

function isEmptyCollection(property: ObjectSchema, value: object): boolean {
  const { type } = resolve(property)
  return (type === 'map' || type === 'array') && Object.keys(value).length === 0
}
