import type { JsonObject, JsonValue, KubeObject } from '@bramble/api/object'
import type { Column, ResourceDefinition } from './resource.ts'

export type IncludeObject = 'None' | 'Metadata' | 'Object'

export interface TableOptions {
  /** What stands beside the cells. */
  readonly includeObject: IncludeObject
  /** Of meta.k8s.io. */
  readonly version: 'v1' | 'v1beta1'
  /** Epoch milliseconds, for ages. */
  readonly nowMs: number
  /** Default true. A watch repeats them for nobody. */
  readonly withColumns?: boolean
}

/**
 * Objects as the table that `kubectl get` prints.
 *
 * @param metadata Of the list: resourceVersion, continue, remainingItemCount.
 * @see Source: meta/v1 Table.
 */
export function toTable(
  resource: ResourceDefinition,
  objects: readonly KubeObject[],
  metadata: JsonObject,
  options: TableOptions,
): JsonObject {
  const columns = columnsOf(resource)
  const { includeObject, version, nowMs, withColumns = true } = options
  return {
    kind: 'Table',
    apiVersion: `meta.k8s.io/${version}`,
    metadata,
    columnDefinitions: withColumns ? columns.map(definitionOf) : [],
    rows: objects.map((object) => ({
      cells: columns.map((column) => cellOf(column, object, nowMs)),
      ...(includeObject !== 'None' && {
        object: includeObject === 'Object' ? (object as unknown as JsonObject) : toPartial(object, version),
      }),
    })),
  }
}

/** The metadata alone. Source: meta/v1 PartialObjectMetadata. */
export const toPartial = ({ metadata }: KubeObject, version: 'v1' | 'v1beta1'): JsonObject => ({
  kind: 'PartialObjectMetadata',
  apiVersion: `meta.k8s.io/${version}`,
  metadata: metadata as unknown as JsonObject,
})

/** A bookmark among a table's rows: it marks a revision and has no cells worth reading. */
export const bookmarkTable = (bookmark: KubeObject, version: 'v1' | 'v1beta1'): JsonObject => ({
  kind: 'Table',
  apiVersion: `meta.k8s.io/${version}`,
  metadata: { resourceVersion: bookmark.metadata.resourceVersion },
  columnDefinitions: [],
  rows: [{ cells: [], object: toPartial(bookmark, version) }],
})

const columnsOf = (resource: ResourceDefinition): readonly Column[] => (resource.columns.length > 0 ? resource.columns : [NAME_COLUMN])
const NAME_COLUMN: Column = { name: 'Name', type: 'string', format: 'name', value: (object) => object.metadata.name }

const definitionOf = ({ name, type, format, description, priority }: Column): JsonObject => ({
  name,
  type,
  format: format ?? '',
  description: description ?? '',
  priority: priority ?? 0,
})

/** An object that a column cannot read costs one cell, not the whole list. */
function cellOf(column: Column, object: KubeObject, nowMs: number): JsonValue {
  try {
    return column.value(object, nowMs)
  } catch {
    return '<unknown>'
  }
}
