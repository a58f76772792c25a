import { invalidValue } from '@bramble/api/field-error'
import { formatSelector, type LabelSelector } from '@bramble/api/labels'
import type { JsonValue, KubeObject, ObjectKey } from '@bramble/api/object'
import { invalid, unknownResource } from '@bramble/api/status-error'
import { cleanCopy } from './clean-copy.ts'
import { decodeObject } from './decode.ts'
import { entryOf, type Machine } from './machine.ts'
import { applyPatchTo } from './patch/apply-patch.ts'
import type { PatchType, WriteContext } from './requests.ts'
import type { ResourceDefinition, ScalePaths } from './resource.ts'
import type { ObjectSchema } from './schema/object-schema.ts'
import { changeObject, checkNames } from './update.ts'

const SCALE_SCHEMA: ObjectSchema = { type: 'ref', ref: 'io.k8s.api.autoscaling.v1.Scale' }
const SCALE = { group: 'autoscaling', version: 'v1', kind: 'Scale', schema: SCALE_SCHEMA }

/** Source: autoscaling/v1 Scale. */
export interface Scale extends KubeObject {
  spec?: { replicas?: number }
  status?: { replicas: number; selector?: string }
}

/** See `Resources.getScale`. */
export async function getScale(machine: Machine, resource: ResourceDefinition, key: ObjectKey): Promise<Scale> {
  const paths = scalePaths(resource)
  await machine.store.barrier()
  return scaleOf(entryOf(machine, resource, key).value, paths)
}

/** See `Resources.updateScale`. */
export function updateScale(
  machine: Machine,
  resource: ResourceDefinition,
  key: ObjectKey,
  body: JsonValue,
  context: WriteContext,
): Promise<Scale> {
  const decoded = decodeObject(SCALE, body, context)
  checkNames(resource, decoded, key)
  return changeScale(machine, resource, key, context, () => decoded)
}

/** See `Resources.patchScale`. */
export const patchScale = (
  machine: Machine,
  resource: ResourceDefinition,
  key: ObjectKey,
  type: PatchType,
  body: JsonValue,
  context: WriteContext,
): Promise<Scale> => changeScale(machine, resource, key, context, (before) => applyPatchTo(SCALE, before, type, body, context))

async function changeScale(
  machine: Machine,
  resource: ResourceDefinition,
  key: ObjectKey,
  context: WriteContext,
  next: (before: Scale) => Scale,
): Promise<Scale> {
  const paths = scalePaths(resource)
  const changed = await changeObject(machine, resource, key, context, {
    subresource: 'scale',
    propose: (previous) => {
      const scale = next(scaleOf(previous, paths))
      const replicas = scale.spec?.replicas ?? 0
      if (replicas < 0)
        throw invalid('autoscaling', 'Scale', previous.metadata.name, [
          invalidValue('spec.replicas', replicas, 'must be greater than or equal to 0'),
        ])
      const draft = cleanCopy(previous)
      draft.metadata.uid = scale.metadata.uid
      draft.metadata.resourceVersion = scale.metadata.resourceVersion
      setPath(draft, paths.specReplicas, replicas)
      return draft
    },
  })
  return scaleOf(changed, paths)
}

function scaleOf(object: KubeObject, paths: ScalePaths): Scale {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata
  const selector = getPath(object, paths.labelSelector)
  const text = typeof selector === 'string' ? selector : selector === undefined ? undefined : formatSelector(selector as LabelSelector)
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, ...(namespace !== undefined && { namespace }), uid, resourceVersion, creationTimestamp },
    spec: { replicas: Number(getPath(object, paths.specReplicas) ?? 0) },
    status: { replicas: Number(getPath(object, paths.statusReplicas) ?? 0), ...(text !== undefined && { selector: text }) },
  }
}

/** @throws StatusError 404 when the kind cannot be scaled. */
function scalePaths({ subresources }: ResourceDefinition): ScalePaths {
  if (!subresources?.scale) throw unknownResource()
  return subresources.scale
}

/** `.spec.replicas`, with or without the leading dot. */
const steps = (path: string): readonly string[] => path.replace(/^\./, '').split('.')

function getPath(object: unknown, path: string): unknown {
  return steps(path).reduce<unknown>(
    (found, step) => (typeof found === 'object' && found !== null ? (found as Record<string, unknown>)[step] : undefined),
    object,
  )
}

function setPath(object: object, path: string, value: unknown): void {
  const names = [...steps(path)]
  const last = names.pop()!
  let place = object as Record<string, unknown>
  for (const name of names) {
    place[name] ??= {}
    place = place[name] as Record<string, unknown>
  }
  place[last] = value
}
