import type { JsonObject, JsonValue } from '@bramble/api/object'
import { isObject } from '../check.ts'

// OpenAPI v2 as the protobuf that kubectl asks for. Source: gnostic openapiv2/OpenAPIv2.proto.

/** @param document As JSON. */
export const gnosticDocument = (document: JsonObject): Buffer =>
  message([
    text(1, document['swagger']),
    part(2, infoOf(document['info'] as JsonObject)),
    part(8, message(entries(document['paths']).map(([path, item]) => part(2, named(path, pathItem(item)))))),
    part(9, namedSchemas(document['definitions'])),
  ])

const infoOf = ({ title, version }: JsonObject): Buffer => message([text(1, title), text(2, version)])

const METHODS: Readonly<Record<string, number>> = { get: 2, put: 3, post: 4, delete: 5, patch: 8 }

const pathItem = ({ parameters, ...operations }: JsonObject): Buffer =>
  message([
    ...entries(operations).map(([method, one]) => part(METHODS[method]!, operation(one))),
    ...objects(parameters).map((each) => part(9, parameter(each))),
  ])

function operation({ tags, description, operationId, produces, consumes, parameters, responses, schemes, ...rest }: JsonObject): Buffer {
  const codes = entries(responses).map(([code, each]) => part(1, named(code, message([part(1, response(each))]))))
  return message([
    ...texts(1, tags),
    text(3, description),
    text(5, operationId),
    ...texts(6, produces),
    ...texts(7, consumes),
    ...objects(parameters).map((each) => part(8, parameter(each))),
    part(9, message(codes)),
    ...texts(10, schemes),
    ...vendorExtensions(13, rest),
  ])
}

const response = ({ description, schema }: JsonObject): Buffer =>
  message([text(1, description), ...(isObject(schema) ? [part(2, message([part(1, schemaOf(schema))]))] : [])])

const WHERE: Readonly<Record<string, number>> = { query: 3, path: 4 }
/** Of parameters in the query they are one further: those may be empty. */
const TYPE: Readonly<Record<string, number>> = { query: 6, path: 5 }
const UNIQUE: Readonly<Record<string, number>> = { query: 20, path: 19 }

/** ParametersItem{1: Parameter{1: BodyParameter, 2: NonBodyParameter}}. */
function parameter({ name, in: where, required, schema, type, uniqueItems }: JsonObject): Buffer {
  const place = String(where)
  if (place === 'body') {
    const body = message([text(2, name), text(3, where), flag(4, required), part(5, schemaOf(schema as JsonObject))])
    return message([part(1, message([part(1, body)]))])
  }
  const fields = message([flag(1, required), text(2, where), text(4, name), text(TYPE[place]!, type), flag(UNIQUE[place]!, uniqueItems)])
  return message([part(1, message([part(2, message([part(WHERE[place]!, fields)]))]))])
}

const namedSchemas = (schemas: JsonValue | undefined): Buffer =>
  message(entries(schemas).map(([name, schema]) => part(1, named(name, schemaOf(schema)))))

function schemaOf(schema: JsonObject): Buffer {
  const { additionalProperties, items, properties, type } = schema
  return message([
    text(1, schema['$ref']),
    text(2, schema['format']),
    text(3, schema['title']),
    text(4, schema['description']),
    ...(schema['default'] === undefined ? [] : [part(5, any(schema['default']))]),
    ...numbers(schema),
    text(13, schema['pattern']),
    ...counts(schema),
    ...texts(19, schema['required']),
    ...(Array.isArray(schema['enum']) ? (schema['enum'] as readonly JsonValue[]).map((value) => part(20, any(value))) : []),
    ...(additionalProperties === undefined ? [] : [part(21, additional(additionalProperties))]),
    ...(type === undefined ? [] : [part(22, message([text(1, type)]))]),
    ...(isObject(items) ? [part(23, message([part(1, schemaOf(items))]))] : []),
    ...objects(schema['allOf']).map((each) => part(24, schemaOf(each))),
    ...(properties === undefined ? [] : [part(25, namedSchemas(properties))]),
    ...vendorExtensions(31, schema),
  ])
}

const additional = (value: JsonValue): Buffer => (isObject(value) ? message([part(1, schemaOf(value))]) : message([flag(2, value)]))

const NUMBERS = { multipleOf: 6, maximum: 7, minimum: 9 }
const numbers = (schema: JsonObject): readonly Buffer[] => [
  ...Object.entries(NUMBERS).flatMap(([name, number]) => (typeof schema[name] === 'number' ? [double(number, schema[name])] : [])),
  flag(8, schema['exclusiveMaximum']),
  flag(10, schema['exclusiveMinimum']),
]

const COUNTS = { maxLength: 11, minLength: 12, maxItems: 14, minItems: 15, maxProperties: 17, minProperties: 18 }
const counts = (schema: JsonObject): readonly Buffer[] => [
  ...Object.entries(COUNTS).flatMap(([name, number]) => (typeof schema[name] === 'number' ? [count(number, schema[name])] : [])),
  flag(16, schema['uniqueItems']),
]

/** Their values are YAML, of which JSON is a part. */
const vendorExtensions = (number: number, values: JsonObject): readonly Buffer[] =>
  entries(values).flatMap(([name, value]) => (name.startsWith('x-') ? [part(number, named(name, any(value)))] : []))

const any = (value: JsonValue): Buffer => message([text(2, JSON.stringify(value))])
const named = (name: string, value: Buffer): Buffer => message([text(1, name), part(2, value)])

const entries = <T extends JsonValue = JsonObject>(value: JsonValue | undefined): readonly (readonly [string, T])[] =>
  isObject(value) ? (Object.entries(value).filter(([, each]) => each !== undefined) as [string, T][]) : []
const objects = (value: JsonValue | undefined): readonly JsonObject[] => (Array.isArray(value) ? (value as readonly JsonObject[]) : [])

const message = (fields: readonly Buffer[]): Buffer => Buffer.concat(fields)
const NOTHING = Buffer.alloc(0)
const part = (number: number, bytes: Buffer): Buffer => Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes])
const text = (number: number, value: JsonValue | undefined): Buffer =>
  typeof value === 'string' && value !== '' ? part(number, Buffer.from(value, 'utf8')) : NOTHING
const texts = (number: number, values: JsonValue | undefined): readonly Buffer[] =>
  Array.isArray(values) ? (values as readonly JsonValue[]).map((value) => part(number, Buffer.from(String(value), 'utf8'))) : []
const flag = (number: number, value: JsonValue | undefined): Buffer =>
  value === true ? Buffer.concat([varint(number * 8), Buffer.from([1])]) : NOTHING
const count = (number: number, value: number): Buffer => Buffer.concat([varint(number * 8), varint(value)])

function double(number: number, value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleLE(value)
  return Buffer.concat([varint(number * 8 + 1), bytes])
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest & 0x7f) | 0x80)
  return Buffer.from([...bytes, rest])
}
