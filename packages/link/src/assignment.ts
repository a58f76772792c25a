import { keyOf, type KubeObject } from '@bramble/api/object'
import { objectKey } from '@bramble/api/object'
import type { Assignment, ObjectRef } from './link.ts'

export interface Assigned {
  readonly version: string
  readonly objects: ReadonlyMap<string, KubeObject>
}

/**
 * Next state of what this node was told, or 'resync' when a message was missed.
 * Versions chain like swarmkit's AssignmentsMessage (applies_to, results_in): each increment
 * names the version it builds on, so a lost MQTT message is noticed instead of half applied.
 */
export function applyAssignment(current: Assigned | undefined, message: Assignment): Assigned | 'resync' {
  if (message.type === 'complete')
    return { version: message.version, objects: new Map(message.objects.map((object) => [assignedId(object), object])) }
  if (current?.version === message.version) return current // a repeat of what was applied already
  if (current?.version !== message.after) return 'resync'

  const objects = new Map(current.objects)
  for (const removal of message.removals) objects.delete(refId(removal))
  for (const object of message.upserts) objects.set(assignedId(object), object)
  return { version: message.version, objects }
}

/** `Pod default/web-1`: the key of an object in {@link Assigned}. */
export const assignedId = (object: KubeObject): string => `${object.kind} ${keyOf(object)}`
export const refId = (ref: ObjectRef): string => `${ref.kind} ${objectKey(ref.namespace, ref.name)}`
