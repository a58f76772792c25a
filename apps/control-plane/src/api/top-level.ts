import type { ObjectSchema } from './schema/object-schema.ts'

const TYPE_META: Readonly<Record<string, ObjectSchema>> = {
  apiVersion: { type: 'string' },
  kind: { type: 'string' },
  metadata: { type: 'ref', ref: 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta' },
}

/** A kind's own schema may leave out what every kind has. The same object each time. */
export function topLevel(schema: ObjectSchema): ObjectSchema {
  if (schema.type !== 'object' || schema.properties['metadata'] !== undefined) return schema
  const known = completed.get(schema)
  if (known) return known
  const made: ObjectSchema = { ...schema, properties: { ...TYPE_META, ...schema.properties } }
  completed.set(schema, made)
  return made
}

const completed = new WeakMap<ObjectSchema, ObjectSchema>()
