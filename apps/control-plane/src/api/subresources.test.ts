import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject, KubeObject } from '@bramble/api/object'
import { aDeployment, aPod, bench, CONFIG_MAPS, DEPLOYMENTS, PODS, specOf } from './test-bench.ts'

test('scale shows and changes the replicas of what has them', async (t) => {
  const { service, context } = await bench(t)
  const { metadata } = await service.create(DEPLOYMENTS, 'default', aDeployment('web', 2), context())
  await service.patch(DEPLOYMENTS, 'default/web', 'merge', { status: { replicas: 1 } }, context(), 'status')
  const scale = await service.getScale(DEPLOYMENTS, 'default/web')
  assert.deepEqual(
    { ...scale, metadata: { ...scale.metadata, resourceVersion: '' } },
    {
      kind: 'Scale',
      apiVersion: 'autoscaling/v1',
      metadata: {
        name: 'web',
        namespace: 'default',
        uid: metadata.uid,
        resourceVersion: '',
        creationTimestamp: metadata.creationTimestamp,
        managedFields: [
          {
            manager: 'test',
            operation: 'Update',
            apiVersion: 'autoscaling/v1',
            time: '2026-01-01T00:00:00Z',
            fieldsType: 'FieldsV1',
            fieldsV1: { 'f:spec': { 'f:replicas': {} } },
          },
        ],
      },
      spec: { replicas: 2 },
      status: { replicas: 1, selector: 'app=web' },
    },
  )
  const patched = await service.patchScale(DEPLOYMENTS, 'default/web', 'merge', { spec: { replicas: 3 } }, context())
  const put = { metadata: { name: 'web', resourceVersion: patched.metadata.resourceVersion }, spec: { replicas: 4 } }
  assert.deepEqual(specOf(patched), { replicas: 3 })
  await service.updateScale(DEPLOYMENTS, 'default/web', put, context())
  const object = await service.get(DEPLOYMENTS, 'default/web')
  assert.deepEqual([specOf(object)['replicas'], object.metadata.generation], [4, 3])
  await assert.rejects(service.updateScale(DEPLOYMENTS, 'default/web', put, context()), { code: 409 })
  await assert.rejects(service.patchScale(DEPLOYMENTS, 'default/web', 'merge', { spec: { replicas: -1 } }, context()), {
    code: 422,
    message: 'Scale.autoscaling "web" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0',
  })
  await assert.rejects(service.getScale(CONFIG_MAPS, 'default/web'), { code: 404 })
})

const conditionsOf = (pod: KubeObject): JsonObject[] => (pod as unknown as { status: { conditions: JsonObject[] } }).status.conditions

test('binding puts a pod on a node, once, and says that it is scheduled', async (t) => {
  const { service, context } = await bench(t)
  const { metadata } = await service.create(PODS, 'default', aPod('a'), context())
  const waiting = {
    type: 'PodScheduled',
    status: 'False',
    reason: 'Unschedulable',
    message: '0/1 nodes',
    lastTransitionTime: '2025-01-01T00:00:00Z',
  }
  await service.patch(PODS, 'default/a', 'merge', { status: { conditions: [waiting] } }, context(), 'status')
  const bind = (name: string, uid = metadata.uid): Promise<void> =>
    service.bind('default/a', { metadata: { name: 'a', uid }, target: { kind: 'Node', name } }, context())
  await assert.rejects(bind('pi-1', 'other'), { code: 409, message: /UID in precondition: other/ })
  await bind('pi-1')
  const pod = await service.get(PODS, 'default/a')
  assert.deepEqual([specOf(pod)['nodeName'], pod.metadata.generation], ['pi-1', 1])
  assert.deepEqual(conditionsOf(pod), [{ type: 'PodScheduled', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' }])
  await assert.rejects(bind('pi-2'), {
    code: 409,
    message: 'Operation cannot be fulfilled on pods/binding "a": pod a is already assigned to node "pi-1"',
  })
})

test('a binding needs a target, a pod that is there, and one that stays', async (t) => {
  const { service, context } = await bench(t)
  const target = { kind: 'Node', name: 'pi-1' }
  await service.create(PODS, 'default', aPod('a', {}, { finalizers: ['x/y'] }), context())
  await assert.rejects(service.bind('default/a', { metadata: { name: 'a' }, target: {} }, context()), {
    code: 422,
    message: /target\.name: Required value/,
  })
  await assert.rejects(service.bind('default/a', { metadata: { name: 'a' }, target: { kind: 'Pod', name: 'x' } }, context()), { code: 422 })
  await assert.rejects(service.bind('default/none', { metadata: { name: 'none' }, target }, context()), {
    code: 404,
    message: 'pods "none" not found',
  })
  await service.delete(PODS, 'default/a', {}, context())
  await assert.rejects(service.bind('default/a', { metadata: { name: 'a' }, target }, context()), {
    code: 409,
    message: /is being deleted, cannot be assigned to a host/,
  })
})
