import { humanDuration } from '@bramble/api/duration'
import type { KubeObject } from '@bramble/api/object'
import type { CustomResourceColumn } from '@bramble/api/types/custom-resource-definition'
import type { Column } from '../resource.ts'
import { parseJsonPath } from './json-path.ts'

const NAME: Column = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description:
    'Name must be unique within a namespace. Is required when creating resources, although some resources may allow a client to request the generation of an appropriate name automatically. Name is primarily intended for creation idempotence and configuration definition. Cannot be updated. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names',
  value: (object) => object.metadata.name,
}

const AGE: CustomResourceColumn = {
  name: 'Age',
  type: 'date',
  description:
    'CreationTimestamp is a timestamp representing the server time when this object was created. It is not guaranteed to be set in happens-before order across separate operations. Clients may not set this value. It is represented in RFC3339 form and is in UTC.\n\nPopulated by the system. Read-only. Null for lists. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata',
  jsonPath: '.metadata.creationTimestamp',
}

/**
 * The columns of a custom kind: its name, then what the definition asks for, else its age.
 * @see Source: apiextensions-apiserver pkg/registry/customresource/tableconvertor.
 */
export const customColumns = (columns: readonly CustomResourceColumn[] = []): readonly Column[] => [
  NAME,
  ...(columns.length === 0 ? [AGE] : columns).map(columnOf),
]

function columnOf({ name, type, format, description, priority, jsonPath }: CustomResourceColumn): Column {
  const path = parseJsonPath(jsonPath)
  return {
    name,
    type: type as Column['type'],
    ...(format !== undefined && { format }),
    ...(description !== undefined && { description }),
    ...(priority !== undefined && { priority }),
    value: (object: KubeObject, nowMs) => cell(type, path?.find(object)[0], nowMs),
  }
}

/** Empty for what is missing or of another type. */
export function cell(type: string, value: unknown, nowMs: number): string | number | boolean | null {
  if (value === undefined || value === null) return null
  switch (type) {
    case 'integer':
      return typeof value === 'number' ? Math.trunc(value) : null
    case 'number':
      return typeof value === 'number' ? value : null
    case 'boolean':
      return typeof value === 'boolean' ? value : null
    case 'date':
      return typeof value === 'string' ? ageOf(value, nowMs) : null
    case 'string':
      return typeof value === 'object' ? JSON.stringify(value) : String(value)
    default:
      return null
  }
}

function ageOf(instant: string, nowMs: number): string {
  const atMs = /^\d{4}-\d\d-\d\dT/.test(instant) ? Date.parse(instant) : NaN
  return Number.isNaN(atMs) ? '<invalid>' : humanDuration(nowMs - atMs)
}
