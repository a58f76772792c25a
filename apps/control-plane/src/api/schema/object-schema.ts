import type { JsonValue } from '@bramble/api/object'

/**
 * The shape of a value. One source per kind, generated at install time (`tools/generate.ts`) from
 * @kubernetes/client-node's models and our table of merge and list keys; CustomResourceDefinitions bring their own.
 */
export type ObjectSchema =
  | {
      readonly type: 'object'
      readonly properties: Readonly<Record<string, PropertySchema>>
      /** Of properties that are not named. Absent: there are none. Only kinds of CustomResourceDefinitions have it. */
      readonly rest?: ObjectSchema
      readonly required?: readonly string[]
      readonly description?: string
    }
  /** By definition name, e.g. `io.k8s.api.core.v1.Pod`; resolved by `definitions.ts`. */
  | { readonly type: 'ref'; readonly ref: string }
  | { readonly type: 'map'; readonly values: PropertySchema }
  | { readonly type: 'array'; readonly items: PropertySchema }
  | { readonly type: 'string'; readonly format?: 'date-time' | 'micro-time' | 'byte' }
  | { readonly type: 'integer'; readonly format: 'int32' | 'int64' }
  | { readonly type: 'number' }
  | { readonly type: 'boolean' }
  | { readonly type: 'quantity' }
  | { readonly type: 'int-or-string' }
  /** Any JSON. */
  | { readonly type: 'any' }

export type PropertySchema = ObjectSchema & {
  readonly description?: string
  /** The name of the type in Kubernetes' own source, for messages, where the shape does not tell it: `v1.RestartPolicy`. */
  readonly goType?: string
  /** Nothing is stored of an empty text, list or map, of 0 or false: they say as much as if the field were not there. */
  readonly omitsZero?: true
  /** Strategic merge. Absent: lists and values are replaced, maps and objects merged. */
  readonly patchMergeKey?: string
  /** `merge`, `replace`, `retainKeys`, or several. */
  readonly patchStrategy?: readonly ('merge' | 'replace' | 'retainKeys')[]
  /** Server-side apply. Absent: lists atomic, maps granular. */
  readonly listType?: 'atomic' | 'set' | 'map'
  readonly listMapKeys?: readonly string[]
  readonly mapType?: 'atomic' | 'granular'
  /** What counts when the field is a key of its list (`listMapKeys`) and left out. Nothing else looks at it. */
  readonly default?: JsonValue
}
