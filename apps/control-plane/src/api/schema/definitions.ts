import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ObjectSchema } from './object-schema.ts'

const FOLDER = join(import.meta.dirname, 'generated')

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

/** Source: the doc comments of the Kubernetes API types. */
export const readDescriptions = (): Descriptions => read('descriptions.json') as Descriptions

function read(file: string): unknown {
  const path = join(FOLDER, file)
  if (!existsSync(path)) throw new Error(`${path} is missing: run "npm run generate"`)
  return JSON.parse(readFileSync(path, 'utf8'))
}
