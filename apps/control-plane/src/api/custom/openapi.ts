import type { JsonObject } from '@bramble/api/object'
import type { JsonSchema } from '@bramble/api/types/custom-resource-definition'

const API_VERSION = {
  description:
    'APIVersion defines the versioned schema of this representation of an object. Servers should convert recognized schemas to the latest internal value, and may reject unrecognized values. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#resources',
  type: 'string',
}
const KIND = {
  description:
    'Kind is a string value representing the REST resource this object represents. Servers may infer this from the endpoint the client submits requests to. Cannot be updated. In CamelCase. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds',
  type: 'string',
}
const METADATA = {
  description:
    "Standard object's metadata. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata",
  $ref: '#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta',
}

/**
 * A custom kind's schema as its OpenAPI v3 document shows it.
 * @see Source: apiextensions-apiserver pkg/controller/openapi/builder.
 */
export const openapiSchema = (schema: JsonSchema): JsonObject => {
  const { apiVersion: _apiVersion, kind: _kind, metadata: _metadata, ...properties } = schema.properties ?? {}
  return { ...schema, properties: { apiVersion: API_VERSION, kind: KIND, metadata: METADATA, ...properties } } as unknown as JsonObject
}
