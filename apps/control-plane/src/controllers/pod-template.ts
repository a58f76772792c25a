import { createHash } from 'node:crypto'
import type { JsonObject, NewObject, OwnerReference } from '@bramble/api/object'
import type { Pod } from '@bramble/api/types/pod'
import type { PodTemplate, PodTemplateSpec } from '@bramble/api/types/workload'
import { decodeObject } from '../api/decode.ts'
import { podTemplates } from '../resources/pod-template.ts'

/** Label on a ReplicaSet of a Deployment, its selector and its pods. */
export const POD_TEMPLATE_HASH = 'pod-template-hash'

/** What a template asks for, owned by `owner`. The caller adds the name and whatever makes this pod special. */
export function podFromTemplate(
  template: PodTemplateSpec,
  namespace: string,
  owner: OwnerReference,
  name: { name: string } | { generateName: string },
): NewObject<Pod> {
  const { labels, annotations, finalizers } = template.metadata ?? {}
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...name,
      namespace,
      ...(labels && { labels: { ...labels } }),
      ...(annotations && { annotations: { ...annotations } }),
      ...(finalizers && { finalizers: [...finalizers] }),
      ownerReferences: [owner],
    },
    spec: structuredClone(template.spec),
  }
}

/**
 * Short name of a template: equal templates, equal hash, whatever the order of their fields. Letters that cannot
 * spell a word, as in Kubernetes' names.
 * @param collisionCount How often another template had the name already.
 */
export function templateHash(template: PodTemplateSpec, collisionCount = 0): string {
  const digest = createHash('sha256')
    .update(canonicalJson(template))
    .update(collisionCount > 0 ? String(collisionCount) : '')
    .digest()
  return safeText(String(digest.readUInt32BE(0)))
}

/**
 * Whether two templates make the same pods; the hash label that a Deployment adds does not count. Both as they would be stored
 * today: one may have been written by an older control plane, which had other defaults or other forms of a quantity.
 */
export const sameTemplate = (a: PodTemplateSpec, b: PodTemplateSpec): boolean => comparable(a) === comparable(b)

/** The same of what a revision restores: a patch of its owner. */
export const sameRevisionData = (a: unknown, b: unknown): boolean =>
  canonicalJson(withTemplateOfToday(a)) === canonicalJson(withTemplateOfToday(b))

const known = new WeakMap<object, string>()

function comparable(template: PodTemplateSpec): string {
  const before = known.get(template)
  if (before !== undefined) return before
  const text = createHash('sha256')
    .update(canonicalJson(withoutHash(templateOfToday(template))))
    .digest('base64')
  if (Object.isFrozen(template)) known.set(template, text) // what may change is not worth remembering
  return text
}

/** A template that no schema takes any more stays as it is. */
function templateOfToday(template: PodTemplateSpec): PodTemplateSpec {
  try {
    const draft = decodeObject(podTemplates, { template } as unknown as JsonObject, {
      fieldValidation: 'Ignore',
      warn: () => {},
    }) as PodTemplate
    podTemplates.applyDefaults!(draft)
    return draft.template
  } catch {
    return template
  }
}

function withTemplateOfToday(data: unknown): unknown {
  const { spec } = (data ?? {}) as { spec?: { template?: PodTemplateSpec & { $patch?: string } } }
  if (typeof spec?.template !== 'object' || spec.template === null) return data
  const { $patch, ...template } = spec.template
  return { ...(data as object), spec: { ...spec, template: { ...templateOfToday(template), ...($patch !== undefined && { $patch }) } } }
}

/** JSON with sorted names; null, undefined and empty metadata are left out, because Go clients send them for "nothing". */
export const canonicalJson = (value: unknown): string => JSON.stringify(sorted(value))

/** Source: apimachinery pkg/util/rand SafeEncodeString. */
export const safeText = (text: string): string => [...text].map((char) => SAFE[char.charCodeAt(0) % SAFE.length]).join('')

const SAFE = 'bcdfghjklmnpqrstvwxz2456789'

function withoutHash(template: PodTemplateSpec): PodTemplateSpec {
  if (template.metadata?.labels?.[POD_TEMPLATE_HASH] === undefined) return template
  const { [POD_TEMPLATE_HASH]: _, ...labels } = template.metadata.labels
  return { ...template, metadata: { ...template.metadata, labels } }
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value)
    .filter(([name, inner]) => inner !== null && inner !== undefined && !(EMPTY_MEANS_ABSENT.has(name) && isEmpty(inner)))
    .sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([name, inner]) => [name, sorted(inner)]))
}

const EMPTY_MEANS_ABSENT = new Set(['metadata', 'labels', 'annotations', 'resources', 'securityContext'])
const isEmpty = (value: object): boolean => Object.values(value).every((inner) => inner === null || inner === undefined)
