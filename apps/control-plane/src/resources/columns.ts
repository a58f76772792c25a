import { humanDuration } from '@bramble/api/duration'
import { formatSelector, requirementsOf } from '@bramble/api/labels'
import type { LabelSelector } from '@bramble/api/labels'
import type { KubeObject, Timestamp } from '@bramble/api/object'
import type { Container, PodSpec } from '@bramble/api/types/pod'
import type { Column } from '../api/resource.ts'

// Columns and cell wording that several kinds share. Source: Kubernetes pkg/printers/internalversion printers.go.

export const nameColumn: Column = { name: 'Name', type: 'string', format: 'name', value: (object) => object.metadata.name }

export const ageColumn: Column = { name: 'Age', type: 'string', value: (object, nowMs) => since(object.metadata.creationTimestamp, nowMs) }

/** When it was made, for kinds that Kubernetes prints without an age. */
export const createdAtColumn: Column = { name: 'Created At', type: 'date', value: (object) => object.metadata.creationTimestamp }

/** Names of containers and their images. @param priority 1: only with `-o wide`. */
export const containerColumns = <T extends KubeObject>(
  containersOf: (object: T) => readonly Container[] | undefined,
  priority: 0 | 1 = 1,
): readonly Column<T>[] => [
  { name: 'Containers', type: 'string', priority, value: (object) => joined(containersOf(object), ({ name }) => name) },
  { name: 'Images', type: 'string', priority, value: (object) => joined(containersOf(object), ({ image }) => image) },
]

const joined = (containers: readonly Container[] | undefined, of: (container: Container) => string | undefined): string =>
  (containers ?? []).map(of).join(',')

/** Names of containers, their images and the selector of a workload; shown with `-o wide`. */
export const templateColumns = <
  T extends KubeObject & { spec: { selector: LabelSelector; template: { spec: PodSpec } } },
>(): readonly Column<T>[] => [
  ...containerColumns<T>((object) => object.spec.template.spec.containers),
  { name: 'Selector', type: 'string', priority: 1, value: (object) => selectorText(object.spec.selector) },
]

/** How many pods are wanted, are there, and are ready, of what keeps a number of equal ones. */
export const replicaColumns: readonly Column<
  KubeObject & { spec: { replicas?: number }; status?: { replicas?: number; readyReplicas?: number } }
>[] = [
  { name: 'Desired', type: 'integer', value: ({ spec }) => spec.replicas ?? 0 },
  { name: 'Current', type: 'integer', value: ({ status }) => status?.replicas ?? 0 },
  { name: 'Ready', type: 'integer', value: ({ status }) => status?.readyReplicas ?? 0 },
]

/** How long ago an instant was, as kubectl prints ages. */
export function since(instant: Timestamp | null | undefined, nowMs: number): string {
  const atMs = instant ? Date.parse(instant) : NaN
  return Number.isNaN(atMs) ? '<unknown>' : humanDuration(nowMs - atMs)
}

/** `a=1,b=2`, keys sorted, or `<none>`. */
export function labelsText(labels: Readonly<Record<string, string>> | undefined): string {
  const pairs = Object.entries(labels ?? {})
    .map(([key, value]) => `${key}=${value}`)
    .sort()
  return pairs.length === 0 ? '<none>' : pairs.join(',')
}

/** Keys sorted, as the selector's string form; `<none>` for one that selects everything. */
export function selectorText(selector: LabelSelector | undefined): string {
  const requirements = [...requirementsOf(selector ?? {})].sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
  const text = requirements.map(({ key, operator, values }) =>
    formatSelector({ matchExpressions: [{ key, operator: operator as 'In', values: [...values] }] }),
  )
  return text.length === 0 ? '<none>' : text.join(',')
}

/** At most `max` of a long list, then how many are left: `a,b,c + 2 more...`. */
export const listWithMore = (all: readonly string[], max = 3): string =>
  all.length > max ? `${all.slice(0, max).join(',')} + ${all.length - max} more...` : all.join(',')
