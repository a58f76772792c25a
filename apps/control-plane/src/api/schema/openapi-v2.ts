import type { JsonObject } from '@bramble/api/object'
import type { GroupVersion } from '../registry.ts'
import { INFO, type Operation, operationsOf } from './openapi.ts'

// OpenAPI v2: kubectl up to 1.28 refuses to apply without it. It only asks which patch operations know `fieldValidation`;
// without definitions it computes patches from the types it was built with, which are complete.

const PATH_PARAMETERS = /\{(\w+)\}/g

interface Path {
  readonly path: string
  readonly operations: readonly Operation[]
}

const pathsOf = (groupVersions: readonly GroupVersion[]): readonly Path[] =>
  groupVersions
    .flatMap(({ resources }) => resources)
    .flatMap((resource) => [...operationsOf(resource)].map(([path, operations]) => ({ path, operations })))

const kindOf = ({ resource: { group, version, kind } }: Operation): JsonObject => ({ group, kind, version })

/** `GET /openapi/v2` as JSON. */
export const openapiV2 = (groupVersions: readonly GroupVersion[]): JsonObject => ({
  swagger: '2.0',
  info: INFO,
  definitions: {},
  paths: Object.fromEntries(
    pathsOf(groupVersions).map(({ path, operations }) => [
      path,
      {
        parameters: [...path.matchAll(PATH_PARAMETERS)].map(([, name]) => ({ name: name!, in: 'path', required: true, type: 'string' })),
        ...Object.fromEntries(
          operations.map((operation) => [
            operation.method,
            {
              parameters: operation.parameters.map((name) => ({ name, in: 'query', type: 'string', uniqueItems: true })),
              responses: { 200: { description: 'OK' } },
              'x-kubernetes-group-version-kind': kindOf(operation),
            },
          ]),
        ),
      },
    ]),
  ),
})

/** `GET /openapi/v2` as the protobuf that kubectl asks for. Source: gnostic openapiv2/OpenAPIv2.proto, Document. */
export const openapiV2Protobuf = (groupVersions: readonly GroupVersion[]): Buffer =>
  message([
    [DOCUMENT.swagger, text('2.0')],
    [
      DOCUMENT.info,
      message([
        [1, text(String(INFO.title))],
        [2, text(String(INFO.version))],
      ]),
    ],
    [DOCUMENT.paths, message(pathsOf(groupVersions).map((path) => [PATHS_PATH, namedPath(path)]))],
    [DOCUMENT.definitions, message([])],
  ])

const DOCUMENT = { swagger: 1, info: 2, paths: 8, definitions: 9 }
const PATHS_PATH = 2
const PATH_ITEM = { get: 2, put: 3, post: 4, delete: 5, patch: 7 }
const OPERATION = { parameters: 8, vendorExtension: 13 }
const QUERY_PARAMETER = { in: 2, name: 4, type: 6 }

const namedPath = ({ path, operations }: Path): Buffer =>
  message([
    [1, text(path)],
    [2, message(operations.map((operation) => [PATH_ITEM[operation.method], encodeOperation(operation)]))],
  ])

const encodeOperation = (operation: Operation): Buffer =>
  message([
    ...operation.parameters.map((name): Field => [OPERATION.parameters, queryParameter(name)]),
    [
      OPERATION.vendorExtension,
      message([
        [1, text('x-kubernetes-group-version-kind')],
        [2, message([[2, text(JSON.stringify(kindOf(operation)))]])],
      ]),
    ],
  ])

/** ParametersItem{parameter=1: Parameter{non_body_parameter=2: NonBodyParameter{query_parameter_sub_schema=3}}}. */
const queryParameter = (name: string): Buffer =>
  message([
    [
      1,
      message([
        [
          2,
          message([
            [
              3,
              message([
                [QUERY_PARAMETER.in, text('query')],
                [QUERY_PARAMETER.name, text(name)],
                [QUERY_PARAMETER.type, text('string')],
              ]),
            ],
          ]),
        ],
      ]),
    ],
  ])

type Field = readonly [number: number, bytes: Buffer]

/** Length-delimited fields (wire type 2) are all that is needed. */
const message = (fields: readonly Field[]): Buffer =>
  Buffer.concat(fields.flatMap(([number, bytes]) => [varint((number << 3) | 2), varint(bytes.length), bytes]))

const text = (value: string): Buffer => Buffer.from(value, 'utf8')

function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest & 0x7f) | 0x80)
  return Buffer.from([...bytes, rest])
}
