import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Field, FieldTable } from '../../apps/control-plane/src/http/protobuf/fields.ts'

// Facts about the Kubernetes API that its client library does not carry.

/** Merge and list keys of one field, or of a whole type (`field` is `(type)`). */
export interface KeyRow {
  readonly patchMergeKey?: string
  readonly patchStrategy?: readonly string[]
  readonly listType?: string
  readonly listMapKeys?: readonly string[]
  readonly mapType?: string
}
/** What else is known of one field. */
export interface FieldFacts {
  /** The name of its type in Kubernetes' own source, where the type alone does not tell: `v1.RestartPolicy` for a string. */
  readonly goType?: string
  readonly enum?: readonly string[]
  /** JSON. */
  readonly default?: unknown
}
/** Whether Go leaves a field out of JSON when it is zero. */
export type OmitsZero = (definition: string, field: string) => boolean

export interface Tables {
  /** Package, e.g. `io.k8s.api.core.v1`, to the names of its types. */
  readonly packages: ReadonlyMap<string, readonly string[]>
  /** `definition field`. */
  readonly keys: ReadonlyMap<string, KeyRow>
  /** `definition field` of quantities and of maps and lists of them. */
  readonly quantities: ReadonlySet<string>
  /** `definition field`. */
  readonly facts: ReadonlyMap<string, FieldFacts>
  readonly omitsZero: OmitsZero
}

export const TABLE_FILES = ['definition-names.tsv', 'merge-and-list-keys.tsv', 'quantity-fields.tsv', 'field-facts.tsv'] as const

export function readTables(folder: string): Tables {
  const [names, keys, quantities, facts] = TABLE_FILES.map((file) => rows(join(folder, file))) as [Rows, Rows, Rows, Rows]
  return {
    packages: new Map(names.map(([name, types]) => [name!, types!.split(' ')])),
    keys: new Map(keys.map(([definition, field, ...facts]) => [`${definition} ${field}`, keyRow(facts)])),
    quantities: new Set(quantities.map(([definition, field]) => `${definition} ${field}`)),
    facts: new Map(facts.map(([definition, field, ...rest]) => [`${definition} ${field}`, fieldFacts(rest)])),
    omitsZero: omitsZeroBy(new FieldTable()),
  }
}

type Rows = string[][]

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

const fieldFacts = ([goType, values, fallback]: readonly string[]): FieldFacts => ({
  ...(goType && { goType }),
  ...(values && { enum: values.split(',') }),
  ...(fallback && { default: JSON.parse(fallback) as unknown }),
})

/** The table of protobuf bodies tells how Go has each field: by pointer, and whether JSON always has it. */
function omitsZeroBy(table: FieldTable): OmitsZero {
  const messages = new Set(table.names())
  const fieldsOf = (message: string): ReadonlyMap<string, Field> => {
    const fields = [...table.message(message).values()]
    return new Map(fields.flatMap((field) => (field.inline ? [...fieldsOf(field.type.name)] : [[field.name, field] as const])))
  }
  return (definition, field) => {
    const message = definition.split('.').slice(-3).join('.')
    const found = messages.has(message) ? fieldsOf(message).get(field) : undefined
    return found !== undefined && !found.pointer && !found.always
  }
}
