import type { KubeObject } from '@bramble/api/object'
import { mutableCopy } from '@bramble/api/object'
import type { ResourceDefinition } from '../api/resource.ts'

// How tests of kinds write an object: as the API machine does, without the machine.

export const METADATA = { name: 'x', namespace: 'default', uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' }
/** Five minutes later. */
export const NOW_MS = Date.UTC(2026, 0, 1, 0, 5)

/** The object as it would be stored, on create or over `previous`. */
export function written<T extends KubeObject>(resource: ResourceDefinition<T>, body: object, previous?: T): T {
  const draft = mutableCopy({ metadata: METADATA, spec: {}, ...body }) as unknown as T
  resource.prepare?.(draft, previous)
  resource.applyDefaults?.(draft)
  return draft
}

/** What is wrong with a body, as `path: message`; with an earlier body, as an update of it. */
export function refusals<T extends KubeObject>(resource: ResourceDefinition<T>, body: object, previous?: object): readonly string[] {
  const before = previous && written(resource, previous)
  return (resource.validate?.(written(resource, body, before), before) ?? []).map(({ path, message }) => `${path}: ${message}`)
}

export function warnings<T extends KubeObject>(resource: ResourceDefinition<T>, body: object, previous?: object): readonly string[] {
  const before = previous && written(resource, previous)
  return resource.warnings?.(written(resource, body, before), before) ?? []
}

/** One cell of the table, for the object as it stands. */
export const cell = <T extends KubeObject>(resource: ResourceDefinition<T>, name: string, body: object): unknown =>
  resource.columns.find((column) => column.name === name)!.value({ metadata: METADATA, spec: {}, ...body } as unknown as T, NOW_MS)

/** All cells, by column. */
export const row = <T extends KubeObject>(resource: ResourceDefinition<T>, object: T): Record<string, unknown> =>
  Object.fromEntries(resource.columns.map((column) => [column.name, column.value(object, NOW_MS)]))
