import type { ObjectSchema, PropertySchema } from '../../apps/control-plane/src/api/schema/object-schema.ts'
import type { Model, ModelAttribute } from './read-model.ts'
import type { FieldFacts, Tables } from './tables.ts'

export interface Definitions {
  readonly schemas: Readonly<Record<string, ObjectSchema>>
  /** Definition to property to text; the definition's own text under ''. */
  readonly descriptions: Readonly<Record<string, Readonly<Record<string, string>>>>
  /** Definition to property to what its value may be. */
  readonly values: Readonly<Record<string, Readonly<Record<string, FieldValues>>>>
}
export type FieldValues = Pick<FieldFacts, 'enum' | 'default'>

/**
 * The definitions of every kind in the packages and of all that those refer to.
 *
 * @param model By class name; undefined when there is no such class.
 */
export function buildDefinitions(tables: Tables, model: (className: string) => Model | undefined): Definitions {
  const byClass = classNames(tables, model)
  const schemas: Record<string, ObjectSchema> = {}
  const descriptions: Record<string, Record<string, string>> = {}
  const pending = [...byClass]
    .filter(([className]) => isRoot(model(className)!))
    .map(([className]) => className)
    .sort()
  for (const className of pending) {
    const name = byClass.get(className)!
    if (schemas[name]) continue
    const { attributes, description } = model(className)!
    schemas[name] = objectSchema(name, attributes, tables, (inner) => {
      const definition = byClass.get(inner)
      if (definition === undefined)
        throw new Error(`${className} refers to ${inner}, which tools/schema/definition-names.tsv does not list`)
      pending.push(inner)
      return definition
    })
    descriptions[name] = {
      ...(description && { '': description }),
      ...Object.fromEntries(attributes.flatMap((each) => (each.description ? [[each.name, each.description]] : []))),
    }
  }
  return { schemas: sorted(schemas), descriptions: sorted(descriptions), values: valuesOf(tables, schemas) }
}

function valuesOf({ facts }: Tables, schemas: Readonly<Record<string, ObjectSchema>>): Definitions['values'] {
  const values: Record<string, Record<string, FieldValues>> = {}
  for (const [place, { goType: _goType, ...found }] of facts) {
    const [definition, field] = place.split(' ') as [string, string]
    if (Object.keys(found).length > 0 && schemas[definition]) values[definition] = { ...values[definition], [field]: found }
  }
  return values
}

/** What has a kind of its own: objects, reviews, options; lists are made from their items' kind. */
function isRoot({ attributes }: Model): boolean {
  const has = (name: string): boolean => attributes.some((each) => each.name === name)
  return has('apiVersion') && has('kind') && !(has('items') && has('metadata'))
}

/** Class to definition. Where two groups have a type of one name, the classes carry the group: `CoreV1Event`. */
function classNames({ packages }: Tables, model: (className: string) => Model | undefined): Map<string, string> {
  const names = new Map<string, string>()
  for (const [prefix, types] of packages) {
    const [group, version] = prefix.split('.').slice(-2).map(capital) as [string, string]
    for (const type of types) {
      const className = [`${group}${version}${type}`, `${version}${type}`].find((each) => model(each))
      if (className === undefined)
        throw new Error(`no class for ${prefix}.${type}: tools/schema/definition-names.tsv and @kubernetes/client-node differ`)
      names.set(className, `${prefix}.${type}`)
    }
  }
  return names
}

const capital = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1)

function objectSchema(
  definition: string,
  attributes: readonly ModelAttribute[],
  tables: Tables,
  refer: (className: string) => string,
): ObjectSchema {
  const required = attributes.filter((each) => each.required).map((each) => each.name)
  const properties = attributes.map((attribute): [string, PropertySchema] => {
    const quantity = tables.quantities.has(`${definition} ${attribute.name}`)
    const schema = typeSchema(attribute.type, quantity ? 'quantity' : attribute.format, (className) => {
      const ref = refer(className)
      return { type: 'ref', ref, ...tables.keys.get(`${ref} (type)`) } as PropertySchema
    })
    const goType = tables.facts.get(`${definition} ${attribute.name}`)?.goType
    const keys = tables.keys.get(`${definition} ${attribute.name}`)
    const omitsZero = HAS_ZERO.has(schema.type) && !hasFormat(schema, 'time') && tables.omitsZero(definition, attribute.name)
    return [
      attribute.name,
      { ...schema, ...keys, ...(goType !== undefined && { goType }), ...(omitsZero && { omitsZero }) } as PropertySchema,
    ]
  })
  return { type: 'object', properties: Object.fromEntries(properties), ...(required.length > 0 && { required }) }
}

/** Types of which something is empty; structs, quantities and times are there or not. */
const HAS_ZERO: ReadonlySet<string> = new Set(['string', 'boolean', 'integer', 'number', 'array', 'map'])
const hasFormat = (schema: PropertySchema, end: string): boolean => 'format' in schema && (schema.format?.endsWith(end) ?? false)

function typeSchema(type: string, format: string, refer: (className: string) => PropertySchema): PropertySchema {
  const array = /^Array<(.*)>$/.exec(type)
  if (array) return { type: 'array', items: typeSchema(array[1]!, format, refer) }
  const map = /^\{ \[key: string\]: (.*); \}$/.exec(type)
  if (map) return { type: 'map', values: typeSchema(map[1]!, format, refer) }
  switch (type) {
    case 'string':
      if (format === 'quantity') return { type: 'quantity' }
      return format === 'byte' ? { type: 'string', format } : { type: 'string' }
    case 'number':
      return format === 'int32' || format === 'int64' ? { type: 'integer', format } : { type: 'number' }
    case 'boolean':
      return { type: 'boolean' }
    case 'Date':
      return { type: 'string', format: 'date-time' }
    case 'V1MicroTime':
      return { type: 'string', format: 'micro-time' }
    case 'IntOrString':
      return { type: 'int-or-string' }
    case 'any':
      return { type: 'any' }
    default:
      return refer(type)
  }
}

const sorted = <T>(record: Record<string, T>): Record<string, T> =>
  Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)))
