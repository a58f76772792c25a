import type { JsonObject } from '@bramble/api/object'
import type { ObjectSchema, PropertySchema } from '../object-schema.ts'

const META = 'io.k8s.apimachinery.pkg.apis.meta.v1'
const EXTENSIONS = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1'

interface WellKnown {
  readonly description: string
  readonly v2: JsonObject
  /** Default: as in version 2. */
  readonly v3?: JsonObject
}

/** Types that JSON writes as one value, or as anything, but that have a name in OpenAPI. */
export const WELL_KNOWN: Readonly<Record<string, WellKnown>> = {
  'io.k8s.apimachinery.pkg.api.resource.Quantity': {
    description:
      'An amount of something: a decimal number with a suffix, either binary (Ki, Mi, Gi, Ti, Pi, Ei) or decimal (n, u, m, k, M, G, T, P, E), or with an exponent (1e3). Stored in one form: 0.5 as 500m, 1024Mi as 1Gi.',
    v2: { type: 'string' },
    v3: { oneOf: [{ type: 'string' }, { type: 'number' }] },
  },
  'io.k8s.apimachinery.pkg.util.intstr.IntOrString': {
    description: 'A number, or a text such as a percentage or the name of a port.',
    v2: { type: 'string', format: 'int-or-string' },
    v3: { format: 'int-or-string', oneOf: [{ type: 'integer' }, { type: 'string' }] },
  },
  [`${META}.Time`]: { description: 'A time to the second, as in RFC 3339.', v2: { type: 'string', format: 'date-time' } },
  [`${META}.MicroTime`]: { description: 'A time to the microsecond.', v2: { type: 'string', format: 'date-time' } },
  [`${META}.FieldsV1`]: {
    description: 'A set of fields, as a trie in JSON: f:<name>, k:<keys>, v:<value>, i:<index>.',
    v2: { type: 'object' },
  },
  [`${META}.Patch`]: { description: 'A change to an object, in the form that its content type tells.', v2: { type: 'object' } },
  'io.k8s.apimachinery.pkg.runtime.RawExtension': { description: 'Any object.', v2: { type: 'object' } },
  [`${EXTENSIONS}.JSON`]: { description: 'Any JSON value.', v2: {} },
  [`${EXTENSIONS}.JSONSchemaPropsOrArray`]: { description: 'A schema, or a list of schemas.', v2: {} },
  [`${EXTENSIONS}.JSONSchemaPropsOrBool`]: { description: 'A schema, or a truth value.', v2: {} },
  [`${EXTENSIONS}.JSONSchemaPropsOrStringArray`]: { description: 'A schema, or a list of texts.', v2: {} },
  [`${EXTENSIONS}.CustomResourceSubresourceStatus`]: { description: 'That there is a status subresource.', v2: { type: 'object' } },
}

/** Named like the other types, but never read by the server: no generated definition. */
export const WATCH_EVENT: ObjectSchema = {
  type: 'object',
  description: 'One event of a watch.',
  required: ['type', 'object'],
  properties: {
    type: { type: 'string', description: 'ADDED, MODIFIED, DELETED, BOOKMARK or ERROR.' },
    object: {
      type: 'any',
      goType: 'runtime.RawExtension',
      description: 'The object as it is now, or was before it was deleted; of an ERROR a Status.',
    },
  },
}

export const PATCH = `${META}.Patch`

/** Go's names of what the generated definitions only know as any JSON. */
const ANY: Readonly<Record<string, string>> = {
  'runtime.RawExtension': 'io.k8s.apimachinery.pkg.runtime.RawExtension',
  'v1.FieldsV1': `${META}.FieldsV1`,
  'v1.JSON': `${EXTENSIONS}.JSON`,
  'v1.JSONSchemaPropsOrArray': `${EXTENSIONS}.JSONSchemaPropsOrArray`,
  'v1.JSONSchemaPropsOrBool': `${EXTENSIONS}.JSONSchemaPropsOrBool`,
  'v1.JSONSchemaPropsOrStringArray': `${EXTENSIONS}.JSONSchemaPropsOrStringArray`,
  'v1.CustomResourceSubresourceStatus': `${EXTENSIONS}.CustomResourceSubresourceStatus`,
}

/** The name under which a value is described elsewhere. */
export function referenceOf(schema: PropertySchema | ObjectSchema): string | undefined {
  switch (schema.type) {
    case 'ref':
      return schema.ref
    case 'quantity':
      return 'io.k8s.apimachinery.pkg.api.resource.Quantity'
    case 'int-or-string':
      return 'io.k8s.apimachinery.pkg.util.intstr.IntOrString'
    case 'any':
      return ANY['goType' in schema ? (schema.goType ?? '') : '']
    case 'string':
      return schema.format === 'date-time' ? `${META}.Time` : schema.format === 'micro-time' ? `${META}.MicroTime` : undefined
    default:
      return undefined
  }
}
