import type { PodPhase } from '@bramble/api/types/pod'

/** A pod as somebody would write it, and what comes of it on every runtime. */
export interface PodCase {
  /** A sentence whose subject is the pod. */
  readonly title: string
  /** Spec of the pod in YAML. Containers that name no image run busybox. `$NAME` is the name of the pod. */
  readonly spec: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  /** Objects that it needs, YAML documents; made before the pod, in its namespace. */
  readonly needs?: string
  readonly outcome: Outcome
}

/** Texts are compared whole, patterns are searched. Waited for until all of it is so at once. */
export interface Outcome {
  readonly phase: PodPhase
  readonly ready?: boolean
  /** What of the pod's status must be so; lists by position, objects by the fields named. */
  readonly status?: Subset
  /** By container; of the attempt before with `name (previous)`. */
  readonly logs?: Readonly<Record<string, string | RegExp>>
  /** `Reason: message` of the pod's Events. */
  readonly events?: readonly RegExp[]
  /** Commands run inside by `kubectl exec`, and what they print; `container: command` for one that is not the first. */
  readonly exec?: Readonly<Record<string, string | RegExp>>
}

export type Subset = RegExp | string | number | boolean | undefined | readonly Subset[] | { readonly [field: string]: Subset }

/** Where the two differ, as a path with both values; undefined when all of `wanted` is so. `undefined` wants the field to be absent. */
export function difference(actual: unknown, wanted: Subset, path = 'status'): string | undefined {
  const shown = (): string => `${path} is ${JSON.stringify(actual)}, wanted ${wanted instanceof RegExp ? wanted : JSON.stringify(wanted)}`
  if (wanted instanceof RegExp) return wanted.test(String(actual)) ? undefined : shown()
  if (typeof wanted !== 'object' || wanted === null) return actual === wanted ? undefined : shown()
  if (typeof actual !== 'object' || actual === null) return shown()
  for (const [field, value] of Object.entries(wanted)) {
    const found = difference((actual as Record<string, unknown>)[field], value as Subset, `${path}.${field}`)
    if (found !== undefined) return found
  }
  return undefined
}

export const saysWhatIsWanted = (text: string, wanted: string | RegExp): boolean =>
  typeof wanted === 'string' ? text === wanted : wanted.test(text)

/** Waits for SIGTERM; for the end of a script. */
export const UNTIL_STOPPED = 'while :; do sleep 1 & wait; done'
