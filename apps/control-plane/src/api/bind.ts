import { withCondition } from '@bramble/api/conditions'
import { timestamp } from '@bramble/api/duration'
import { required } from '@bramble/api/field-error'
import { type JsonValue, type KubeObject, type ObjectKey, splitKey } from '@bramble/api/object'
import { conflict, invalid, unknownResource } from '@bramble/api/status-error'
import type { Pod } from '@bramble/api/types/pod'
import { copyOfObject } from './clean-copy.ts'
import { decodeObject } from './decode.ts'
import type { Machine } from './machine.ts'
import type { WriteContext } from './requests.ts'
import type { ObjectSchema } from './schema/object-schema.ts'
import { changeObject } from './update.ts'

interface Binding extends KubeObject {
  target?: { kind?: string; name?: string }
}
const BINDING_SCHEMA: ObjectSchema = { type: 'ref', ref: 'io.k8s.api.core.v1.Binding' }
const BINDING = { group: '', version: 'v1', kind: 'Binding', schema: BINDING_SCHEMA }
const RESOURCE = { group: '', plural: 'pods/binding' }

/**
 * Puts a pod on a node, once, and says so in its PodScheduled condition.
 * @see Source: pkg/registry/core/pod/storage BindingREST.
 */
export async function bindPod(machine: Machine, podKey: ObjectKey, body: JsonValue, context: WriteContext): Promise<void> {
  const pods = machine.registry.find('', 'v1', 'pods')
  if (!pods) throw unknownResource()
  const binding = decodeObject(BINDING, body, context) as Binding
  const nodeName = targetNode(binding, splitKey(podKey).name)
  await changeObject(machine, pods, podKey, context, {
    subresource: 'binding',
    takes: 'everything',
    managed: 'kept',
    propose: (previous) => bound(machine, previous as Pod, binding, nodeName),
  })
}

function targetNode({ target }: Binding, podName: string): string {
  if (target?.kind && target.kind !== 'Node')
    throw invalid('', 'Binding', podName, [
      {
        type: 'FieldValueNotSupported',
        path: 'target.kind',
        message: `Unsupported value: ${JSON.stringify(target.kind)}: supported values: "Node", "<empty>"`,
      },
    ])
  if (!target?.name) throw invalid('', 'Binding', podName, [required('target.name')])
  return target.name
}

function bound(machine: Machine, previous: Pod, binding: Binding, nodeName: string): Pod {
  const { name, deletionTimestamp, uid } = previous.metadata
  const fail = (why: string): Error => conflict(RESOURCE, name, why)
  if (binding.metadata.uid && binding.metadata.uid !== uid)
    throw fail(`Precondition failed: UID in precondition: ${binding.metadata.uid}, UID in object meta: ${uid}`)
  if (deletionTimestamp !== undefined) throw fail(`pod ${name} is being deleted, cannot be assigned to a host`)
  if (previous.spec.nodeName) throw fail(`pod ${name} is already assigned to node ${JSON.stringify(previous.spec.nodeName)}`)
  const draft = copyOfObject(previous)
  draft.spec.nodeName = nodeName
  if (binding.metadata.annotations) draft.metadata.annotations = { ...draft.metadata.annotations, ...binding.metadata.annotations }
  const scheduled = { type: 'PodScheduled', status: 'True' } as const
  const now = timestamp(machine.env.clock.nowMs())
  draft.status = {
    ...draft.status,
    conditions: [...withCondition(withoutReason(draft.status?.conditions), scheduled, now)],
  } as Pod['status']
  return draft
}

/** Why it was not scheduled is no longer true. */
const withoutReason = (conditions: NonNullable<Pod['status']>['conditions']): NonNullable<Pod['status']>['conditions'] =>
  conditions?.map((condition) => {
    if (condition.type !== 'PodScheduled') return condition
    const { reason: _reason, message: _message, ...rest } = condition
    return rest
  })
