import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ObjectSchema } from './object-schema.ts'

/** Beside this module; in a bundle, where modules that two programs share have a folder of their own, one above. */
const FOLDER = ['generated', '../generated'].map((folder) => join(import.meta.dirname, folder)).find(existsSync) ?? 'generated'

/**
 * The texts of a definition by property, its own under ''. A property that refers to a definition has that one's text
 * unless it has its own. Read when OpenAPI documents are built, then forgotten.
 */
export type Descriptions = Readonly<Record<string, Readonly<Record<string, string>>>>

let loaded: ReadonlyMap<string, ObjectSchema> | undefined

/**
 * A type of the Kubernetes API by its definition name, e.g. `io.k8s.api.core.v1.Pod`. The file is read once, at the first
 * call; it is never written while we run.
 *
 * @throws Error when there is no such definition, or `npm run generate` has not run.
 */
export function definition(name: string): ObjectSchema {
  const found = definitions().get(name)
  if (!found) throw new Error(`there is no API definition ${name}`)
  return found
}

export const hasDefinition = (name: string): boolean => definitions().has(name)

function definitions(): ReadonlyMap<string, ObjectSchema> {
  loaded ??= new Map(Object.entries(read('definitions.json') as Record<string, ObjectSchema>))
  return loaded
}

/** Follows references. */
export function resolve(schema: ObjectSchema): Exclude<ObjectSchema, { type: 'ref' }> {
  let found = schema
  while (found.type === 'ref') found = definition(found.ref)
  return found
}

/** Definition to property to what its value may be, for OpenAPI. */
export type FieldValues = Readonly<
  Record<string, Readonly<Record<string, { readonly enum?: readonly string[]; readonly default?: unknown }>>>
>

/** Source: the doc comments of the Kubernetes API types. */
export const readDescriptions = (): Descriptions => read('descriptions.json') as Descriptions

/** Source: the markers of the Kubernetes API types. */
export const readFieldValues = (): FieldValues => read('values.json') as FieldValues

let hash: string | undefined

/** Of all that is generated: what is made from it is made anew when it differs. */
export function definitionsHash(): string {
  hash ??= ['definitions.json', 'descriptions.json', 'values.json']
    .reduce((sum, file) => sum.update(readText(file)), createHash('sha256'))
    .digest('hex')
  return hash
}

const read = (file: string): unknown => JSON.parse(readText(file))

function readText(file: string): string {
  const path = join(FOLDER, file)
  if (!existsSync(path)) throw new Error(`${path} is missing: run "npm run generate"`)
  return readFileSync(path, 'utf8')
}
