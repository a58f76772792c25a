import { readFileSync } from 'node:fs'
import { join } from 'node:path'

// Facts about the Kubernetes API that its client library does not carry.

/** Merge and list keys of one field, or of a whole type (`field` is `(type)`). */
export interface KeyRow {
  readonly patchMergeKey?: string
  readonly patchStrategy?: readonly string[]
  readonly listType?: string
  readonly listMapKeys?: readonly string[]
  readonly mapType?: string
}
export interface Tables {
  /** Package, e.g. `io.k8s.api.core.v1`, to the names of its types. */
  readonly packages: ReadonlyMap<string, readonly string[]>
  /** `definition field`. */
  readonly keys: ReadonlyMap<string, KeyRow>
  /** `definition field` of quantities and of maps and lists of them. */
  readonly quantities: ReadonlySet<string>
}

export const TABLE_FILES = ['definition-names.tsv', 'merge-and-list-keys.tsv', 'quantity-fields.tsv'] as const

export function readTables(folder: string): Tables {
  const [names, keys, quantities] = TABLE_FILES.map((file) => rows(join(folder, file))) as [string[][], string[][], string[][]]
  return {
    packages: new Map(names.map(([name, types]) => [name!, types!.split(' ')])),
    keys: new Map(keys.map(([definition, field, ...facts]) => [`${definition} ${field}`, keyRow(facts)])),
    quantities: new Set(quantities.map(([definition, field]) => `${definition} ${field}`)),
  }
}

const rows = (file: string): string[][] =>
  readFileSync(file, 'utf8')
    .split('\n')
    .slice(1)
    .filter((line) => line !== '')
    .map((line) => line.split('\t'))

function keyRow([mergeKey, strategy, listType, mapKeys, mapType]: readonly string[]): KeyRow {
  return {
    ...(mergeKey && { patchMergeKey: mergeKey }),
    ...(strategy && { patchStrategy: strategy.split(',') }),
    ...(listType && { listType }),
    ...(mapKeys && { listMapKeys: mapKeys.split(',') }),
    ...(mapType && { mapType }),
  }
}
