import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject, KubeObject } from '@bramble/api/object'
import { type DeletePlan, planDelete } from './delete-plan.ts'
import type { DeleteRequest } from './requests.ts'
import { aConfigMap, aList, aPod, bench, CONFIG_MAPS, names, NAMESPACES, PODS } from './test-bench.ts'

const NOW_MS = Date.UTC(2026, 0, 1)
const object = (metadata: JsonObject, spec: JsonObject = {}): KubeObject =>
  ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'a', namespace: 'default', uid: 'u', resourceVersion: '1', creationTimestamp: '', ...metadata },
    spec,
  }) as unknown as KubeObject
const running = { nodeName: 'pi-1' }

/** What a plan comes to: `remove`, or when the object shall be gone, its grace, its finalizers. */
const shown = (plan: DeletePlan): string => {
  if (plan.type === 'remove') return 'remove'
  const { deletionTimestamp, deletionGracePeriodSeconds, finalizers = [] } = plan.object.metadata
  return [deletionTimestamp?.slice(11, 19), deletionGracePeriodSeconds, ...finalizers].join(' ')
}
const leaving = (graceSeconds: number, at: string): JsonObject => ({
  deletionTimestamp: `2026-01-01T${at}Z`,
  deletionGracePeriodSeconds: graceSeconds,
})

const plans: { name: string; pod: KubeObject; request?: DeleteRequest; plan: string }[] = [
  { name: 'what runs nowhere goes at once', pod: object({}), plan: 'remove' },
  { name: 'what runs gets its own grace period', pod: object({}, { ...running, terminationGracePeriodSeconds: 10 }), plan: '00:00:10 10' },
  { name: 'a request may give another', pod: object({}, running), request: { gracePeriodSeconds: 5 }, plan: '00:00:05 5' },
  { name: 'zero removes at once', pod: object({}, running), request: { gracePeriodSeconds: 0 }, plan: 'remove' },
  { name: 'a negative grace period is one second', pod: object({}, running), request: { gracePeriodSeconds: -1 }, plan: '00:00:01 1' },
  { name: 'a second request changes nothing', pod: object(leaving(30, '00:00:20'), running), plan: '00:00:20 30' },
  {
    name: 'a second request may shorten, counted from the first',
    pod: object(leaving(30, '00:00:20'), running),
    request: { gracePeriodSeconds: 5 },
    plan: '23:59:55 5',
  },
  { name: 'but never prolong', pod: object(leaving(30, '00:00:20'), running), request: { gracePeriodSeconds: 60 }, plan: '00:00:20 30' },
  { name: 'and zero ends it', pod: object(leaving(30, '00:00:20'), running), request: { gracePeriodSeconds: 0 }, plan: 'remove' },
  { name: 'finalizers keep it', pod: object({ finalizers: ['x/y'] }), plan: '00:00:00 0 x/y' },
  {
    name: 'finalizers keep it past its grace period',
    pod: object({ ...leaving(30, '00:00:20'), finalizers: ['x/y'] }, running),
    request: { gracePeriodSeconds: 0 },
    plan: '23:59:50 0 x/y',
  },
  {
    name: 'foreground deletion is a finalizer',
    pod: object({}),
    request: { propagationPolicy: 'Foreground' },
    plan: '00:00:00 0 foregroundDeletion',
  },
  {
    name: 'so is orphaning, instead',
    pod: object({ finalizers: ['foregroundDeletion', 'x/y'] }),
    request: { propagationPolicy: 'Orphan' },
    plan: '00:00:00 0 x/y orphan',
  },
  {
    name: 'background deletion needs none',
    pod: object({ finalizers: ['foregroundDeletion'] }),
    request: { propagationPolicy: 'Background' },
    plan: 'remove',
  },
  { name: 'without a policy they stay', pod: object({ finalizers: ['orphan'] }), plan: '00:00:00 0 orphan' },
]
for (const { name, pod, request = {}, plan } of plans) test(name, () => assert.equal(shown(planDelete(PODS, pod, request, NOW_MS)), plan))

test('a marked object has a new generation, once', () => {
  const first = planDelete(PODS, object({ generation: 3 }, running), {}, NOW_MS)
  assert.ok(first.type === 'mark' && first.object.metadata.generation === 4)
  const second = planDelete(PODS, first.object, { gracePeriodSeconds: 1 }, NOW_MS)
  assert.ok(second.type === 'mark' && second.object.metadata.generation === 4)
})

test('a finalizer keeps the object until it is taken away; new ones are refused meanwhile', async (t) => {
  const { service, context } = await bench(t)
  await service.create(CONFIG_MAPS, 'default', aConfigMap('a', {}, { finalizers: ['x/y'] }), context())
  const { gone, object: marked } = await service.delete(CONFIG_MAPS, 'default/a', {}, context())
  assert.deepEqual([gone, marked.metadata.deletionTimestamp], [false, '2026-01-01T00:00:00Z'])
  const again = await service.delete(CONFIG_MAPS, 'default/a', {}, context())
  assert.equal(again.object.metadata.resourceVersion, marked.metadata.resourceVersion)
  await assert.rejects(service.patch(CONFIG_MAPS, 'default/a', 'merge', { metadata: { finalizers: ['x/y', 'x/z'] } }, context()), {
    code: 422,
    message: /metadata\.finalizers: Forbidden: no new finalizers can be added if the object is being deleted/,
  })
  await service.patch(CONFIG_MAPS, 'default/a', 'merge', { data: { still: 'here' } }, context())
  await service.patch(CONFIG_MAPS, 'default/a', 'json', [{ op: 'remove', path: '/metadata/finalizers' }], context())
  await assert.rejects(service.get(CONFIG_MAPS, 'default/a'), { code: 404 })
})

test('a pod with a grace period stays although it has no finalizers', async (t) => {
  const { service, context } = await bench(t)
  await service.create(PODS, 'default', aPod('a', running), context())
  assert.equal((await service.delete(PODS, 'default/a', {}, context())).gone, false)
  await service.patch(PODS, 'default/a', 'merge', { status: { phase: 'Running' } }, context(), 'status')
  assert.equal((await service.get(PODS, 'default/a')).metadata.deletionGracePeriodSeconds, 30)
  assert.equal((await service.delete(PODS, 'default/a', { gracePeriodSeconds: 0 }, context())).gone, true)
  await assert.rejects(service.get(PODS, 'default/a'), { code: 404 })
})

test('preconditions name the object that was meant', async (t) => {
  const { service, context } = await bench(t)
  const {
    metadata: { uid, resourceVersion },
  } = await service.create(CONFIG_MAPS, 'default', aConfigMap('a'), context())
  const remove = (preconditions: DeleteRequest['preconditions']): Promise<unknown> =>
    service.delete(CONFIG_MAPS, 'default/a', { preconditions }, context())
  await assert.rejects(remove({ uid: 'other' }), {
    code: 409,
    reason: 'Conflict',
    message: /the UID in the precondition \(other\) does not match the UID in record/,
  })
  await assert.rejects(remove({ resourceVersion: '1' }), { code: 409, reason: 'Conflict' })
  await remove({ uid, resourceVersion })
  await assert.rejects(remove({}), { code: 404, message: 'configmaps "a" not found' })
})

test('a namespace terminates, and goes when it is finalized', async (t) => {
  const { service, context } = await bench(t)
  await service.create(NAMESPACES, undefined, { metadata: { name: 'team' }, spec: { finalizers: ['kubernetes'] } }, context())
  const { gone, object: marked } = await service.delete(NAMESPACES, 'team', {}, context())
  assert.deepEqual([gone, (marked as { status?: JsonObject }).status], [false, { phase: 'Terminating' }])
  const body = { metadata: { name: 'team' }, spec: { finalizers: [] } }
  await assert.rejects(service.finalize(NAMESPACES, 'team', { ...body, metadata: { name: 'team', resourceVersion: '1' } }, context()), {
    code: 409,
  })
  await service.finalize(NAMESPACES, 'team', body, context())
  await assert.rejects(service.get(NAMESPACES, 'team'), { code: 404 })
})

test('a collection is deleted by selector, and what was deleted is told', async (t) => {
  const { service, context } = await bench(t)
  for (const [name, app] of [
    ['a', 'x'],
    ['b', 'y'],
    ['c', 'x'],
  ] as const)
    await service.create(CONFIG_MAPS, 'default', aConfigMap(name, {}, { labels: { app } }), context())
  const selection = aList({ namespace: 'default', labels: [{ key: 'app', operator: 'In', values: ['x'] }] })
  assert.deepEqual(names(await service.deleteCollection(CONFIG_MAPS, selection, {}, context())), ['a', 'c'])
  assert.deepEqual(names(await service.list(CONFIG_MAPS, aList())), ['b'])
})
