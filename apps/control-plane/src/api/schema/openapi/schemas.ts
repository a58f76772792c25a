import type { JsonObject, JsonValue } from '@bramble/api/object'
import { definition, type Descriptions, type FieldValues } from '../definitions.ts'
import { elementOf } from '../go-types.ts'
import type { ObjectSchema, PropertySchema } from '../object-schema.ts'
import { customSchema } from './custom-schema.ts'
import { definitionOf, type DocumentedKind, type KindName } from './documented-kind.ts'
import { referenceOf, WATCH_EVENT, WELL_KNOWN } from './well-known.ts'

export type OpenApiVersion = 'v2' | 'v3'

/** What is told besides shapes; large, so read when documents are built and forgotten then. */
export interface Texts {
  readonly descriptions: Descriptions
  readonly values: FieldValues
}

const META = 'io.k8s.apimachinery.pkg.apis.meta.v1'
/** What every group answers with or takes besides its own kinds. */
const SHARED = ['Status', 'DeleteOptions', 'Patch', 'WatchEvent'].map((name) => `${META}.${name}`)

/** The schemas of kinds, of their lists, and of all that those refer to, by definition name. */
export function schemasOf(kinds: readonly DocumentedKind[], openApi: OpenApiVersion, texts: Texts): JsonObject {
  return new SchemaWriter(openApi, texts).write(kinds)
}

class SchemaWriter {
  readonly #openApi: OpenApiVersion
  readonly #texts: Texts
  readonly #schemas = new Map<string, JsonObject>()
  readonly #waiting = new Set<string>()

  constructor(openApi: OpenApiVersion, texts: Texts) {
    this.#openApi = openApi
    this.#texts = texts
  }

  write(kinds: readonly DocumentedKind[]): JsonObject {
    for (const kind of kinds) this.#addKind(kind)
    for (const name of SHARED) this.#waiting.add(name)
    for (const { subresources } of kinds)
      for (const subresource of subresources) {
        const name = definitionOf(subresource)
        if (name !== undefined) this.#waiting.add(name)
      }
    for (const name of this.#waiting) if (!this.#schemas.has(name)) this.#schemas.set(name, this.#named(name))
    const groups = [...new Map(kinds.map(({ group, version }) => [`${group}/${version}`, { group, version }])).values()]
    for (const kind of ['DeleteOptions', 'WatchEvent'])
      this.#tellKinds(
        `${META}.${kind}`,
        groups.map((each) => ({ ...each, kind })),
      )
    this.#tellKinds(`${META}.Status`, [{ group: '', version: 'v1', kind: 'Status' }])
    return Object.fromEntries([...this.#schemas].sort(([a], [b]) => (a < b ? -1 : 1)))
  }

  #addKind(kind: DocumentedKind): void {
    const { definition: name, schema, openapi, listKind, group, version, verbs } = kind
    if (openapi)
      this.#schemas.set(
        name,
        customSchema(openapi, this.#openApi, (inner) => this.#refer(inner)),
      )
    else this.#schemas.set(name, schema ? this.#convert(schema, this.#texts.descriptions[name], name) : this.#named(name))
    this.#tellKinds(name, [kind])
    if (!verbs.includes('list')) return
    const listName = `${name.slice(0, name.lastIndexOf('.'))}.${listKind}`
    this.#schemas.set(listName, this.#listOf(name, kind.kind))
    this.#tellKinds(listName, [{ group, version, kind: listKind }])
  }

  /** Kinds that share a definition are all told. */
  #tellKinds(name: string, kinds: readonly KindName[]): void {
    const schema = this.#schemas.get(name)!
    const before = (schema['x-kubernetes-group-version-kind'] ?? []) as JsonObject[]
    const added = kinds.map(({ group, version, kind }) => ({ group, kind, version }))
    this.#schemas.set(name, { ...schema, 'x-kubernetes-group-version-kind': [...before, ...added] })
  }

  #listOf(item: string, kind: string): JsonObject {
    const status = this.#texts.descriptions[`${META}.Status`] ?? {}
    return {
      description: `${kind}List is a list of ${kind} objects.`,
      type: 'object',
      required: ['items'],
      properties: {
        apiVersion: { type: 'string', description: status['apiVersion'] ?? '' },
        kind: { type: 'string', description: status['kind'] ?? '' },
        metadata: { ...this.#reference(`${META}.ListMeta`), description: 'Of the list, not of its items.' },
        items: { type: 'array', description: `List of ${kind} objects.`, items: this.#reference(item) },
      },
    }
  }

  #named(name: string): JsonObject {
    const known = WELL_KNOWN[name]
    if (known) return { description: known.description, ...(this.#openApi === 'v3' ? (known.v3 ?? known.v2) : known.v2) }
    const schema = name === `${META}.WatchEvent` ? WATCH_EVENT : definition(name)
    return this.#convert(schema, this.#texts.descriptions[name], name)
  }

  #refer(name: string): string {
    this.#waiting.add(name)
    return `${this.#openApi === 'v3' ? '#/components/schemas/' : '#/definitions/'}${name}`
  }

  /** Version 3 allows nothing beside a reference, so it stands in a list of one. */
  #reference(name: string): JsonObject {
    const reference = { $ref: this.#refer(name) }
    return this.#openApi === 'v3' ? { allOf: [reference] } : reference
  }

  #convert(schema: PropertySchema | ObjectSchema, texts: Descriptions[string] | undefined, name: string): JsonObject {
    const reference = referenceOf(schema)
    if (reference !== undefined) return this.#reference(reference)
    switch (schema.type) {
      case 'map':
        return { type: 'object', additionalProperties: this.#convert(elementOf(schema, schema.values), undefined, '') }
      case 'array':
        return { type: 'array', items: this.#convert(elementOf(schema, schema.items), undefined, '') }
      case 'object':
        return this.#convertObject(schema, texts, name)
      case 'number':
        return { type: 'number', format: 'double' }
      case 'any':
        return {}
      default:
        return { type: schema.type, ...('format' in schema && schema.format && { format: schema.format }) }
    }
  }

  #convertObject(schema: Extract<ObjectSchema, { type: 'object' }>, texts: Descriptions[string] | undefined, name: string): JsonObject {
    const description = texts?.[''] ?? schema.description
    const properties = Object.entries(schema.properties).map(([field, property]) => [
      field,
      this.#convertProperty(property, texts?.[field] ?? property.description ?? this.#textOf(property), this.#texts.values[name]?.[field]),
    ])
    return {
      ...(description !== undefined && { description }),
      type: 'object',
      ...(schema.required && { required: schema.required }),
      properties: Object.fromEntries(properties) as JsonObject,
    }
  }

  /** What a field refers to says what the field is, where nothing else does. */
  #textOf(property: PropertySchema): string | undefined {
    const name = referenceOf(property) ?? ''
    return WELL_KNOWN[name]?.description ?? this.#texts.descriptions[name]?.['']
  }

  #convertProperty(property: PropertySchema, text: string | undefined, values: FieldValues[string][string] | undefined): JsonObject {
    const { patchMergeKey, patchStrategy, listType, listMapKeys, mapType } = property
    const description = describe(text, values?.enum)
    const converted = this.#convert(property, undefined, '')
    const withEnum = values?.enum === undefined || this.#openApi === 'v2' ? converted : enumerated(converted, values.enum)
    return {
      ...(description !== undefined && { description }),
      ...withEnum,
      ...(values?.default !== undefined && { default: values.default as JsonValue }),
      ...(patchMergeKey && { 'x-kubernetes-patch-merge-key': patchMergeKey }),
      ...(patchStrategy && { 'x-kubernetes-patch-strategy': patchStrategy.join(',') }),
      ...(listType && { 'x-kubernetes-list-type': listType }),
      ...(listMapKeys && { 'x-kubernetes-list-map-keys': listMapKeys }),
      ...(mapType && { 'x-kubernetes-map-type': mapType }),
    }
  }
}

const describe = (text: string | undefined, values: readonly string[] | undefined): string | undefined =>
  values === undefined
    ? text
    : `${text ?? ''}\n\nPossible enum values:\n${values.map((value) => ` - \`${JSON.stringify(value)}\``).join('\n')}`

/** Of lists and maps the elements. */
function enumerated(schema: JsonObject, values: readonly string[]): JsonObject {
  if (schema['items']) return { ...schema, items: { ...(schema['items'] as JsonObject), enum: values } }
  if (schema['additionalProperties'])
    return { ...schema, additionalProperties: { ...(schema['additionalProperties'] as JsonObject), enum: values } }
  return { ...schema, enum: values }
}
