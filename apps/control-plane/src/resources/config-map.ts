import { forbiddenField, invalidValue, tooLong } from '@bramble/api/field-error'
import type { FieldError } from '@bramble/api/field-error'
import type { ConfigMap } from '@bramble/api/types/core'
import type { ResourceDefinition } from '../api/resource.ts'
import { ageColumn, nameColumn } from './columns.ts'
import { isSame } from './differences.ts'
import { check, configKey } from './rules.ts'

export const configMaps: ResourceDefinition<ConfigMap> = {
  group: '',
  version: 'v1',
  kind: 'ConfigMap',
  plural: 'configmaps',
  shortNames: ['cm'],
  scope: 'Namespaced',
  durability: 'durable',
  schema: { type: 'ref', ref: 'io.k8s.api.core.v1.ConfigMap' },
  columns: [
    nameColumn,
    { name: 'Data', type: 'string', value: ({ data = {}, binaryData = {} }) => Object.keys(data).length + Object.keys(binaryData).length },
    ageColumn,
  ],
  validate: (configMap, previous) => [
    ...validateContent(configMap),
    ...(previous?.immutable ? validateFrozen(configMap, previous, ['data', 'binaryData']) : []),
  ],
}

/** What one ConfigMap or Secret may hold. */
export const CONTENT_BYTES_MAX = 1024 * 1024

/** Source: Kubernetes pkg/apis/core/validation ValidateConfigMap. */
function validateContent({ data = {}, binaryData = {} }: ConfigMap): readonly FieldError[] {
  const texts = Object.entries(data)
  const files = Object.entries(binaryData)
  const sizeBytes = texts.reduce((sum, [, text]) => sum + Buffer.byteLength(text), 0) + contentBytes(binaryData)
  return [
    ...texts.flatMap(([key]) => [
      ...check(`data[${key}]`, key, configKey),
      ...(Object.hasOwn(binaryData, key) ? [invalidValue(`data[${key}]`, key, 'duplicate of key present in binaryData')] : []),
    ]),
    ...files.flatMap(([key]) => check(`binaryData[${key}]`, key, configKey)),
    ...(sizeBytes > CONTENT_BYTES_MAX ? [tooLong('', CONTENT_BYTES_MAX)] : []),
  ]
}

/** Bytes that base64 values stand for. */
export const contentBytes = (data: Readonly<Record<string, string>>): number =>
  Object.values(data).reduce((sum, value) => sum + Buffer.byteLength(value, 'base64'), 0)

/** An object once immutable stays so, and stays as it is. */
export function validateFrozen<T extends { immutable?: boolean }>(
  object: T,
  previous: T,
  fields: readonly (keyof T & string)[],
): readonly FieldError[] {
  const changed = [...(object.immutable ? [] : ['immutable']), ...fields.filter((field) => !isSame(previous[field], object[field]))]
  return changed.map((field) => forbiddenField(field, 'field is immutable when `immutable` is set'))
}
