import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seeded } from '@bramble/reconcile/sim/seeded'
import type { Pod } from '@bramble/api/types/pod'
import { type EndpointSlice, type Service, SERVICE_NAME_LABEL } from '@bramble/api/types/service'
import { planEndpoints } from './legacy-plan.ts'
import { membersOf } from './members.ts'
import { MANAGED_BY_LABEL, MANAGER, planSlices, type SlicePlan } from './plan.ts'

const meta = (name: string) => ({
  name,
  namespace: 'default',
  uid: `uid-${name}`,
  resourceVersion: '1',
  creationTimestamp: '2026-01-01T00:00:00Z',
})
const service = (spec: Partial<Service['spec']> = {}): Service => ({
  metadata: { ...meta('web'), labels: { team: 'a' } },
  spec: {
    clusterIP: '10.43.0.9',
    selector: { app: 'web' },
    ports: [{ name: 'http', protocol: 'TCP', port: 80, targetPort: 8080 }],
    ...spec,
  },
})

interface PodTraits {
  ready?: boolean
  leaving?: boolean
  ended?: boolean
  ip?: string
  labels?: Record<string, string>
  port?: number
  hostname?: string
}
const pod = (
  index: number,
  { ready = true, leaving, ended, ip = `10.42.0.${index}`, labels = { app: 'web' }, port = 8080, hostname }: PodTraits = {},
): Pod => ({
  metadata: { ...meta(`p${index}`), labels, ...(leaving && { deletionTimestamp: '2026-01-01T00:00:00Z' }) },
  spec: {
    nodeName: 'pi-1',
    containers: [{ name: 'main', image: 'x', ports: [{ name: 'web', containerPort: port }] }],
    ...(hostname && { hostname, subdomain: 'web' }),
  },
  status: {
    phase: ended ? 'Succeeded' : 'Running',
    ...(ip && { podIP: ip, podIPs: [{ ip }] }),
    conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
  },
})

const plan = (pods: readonly Pod[], existing: readonly EndpointSlice[] = [], of = service()): SlicePlan =>
  planSlices(of, membersOf(of, pods), existing)
/** The slices that stand after the plan was carried out. */
function applied({ create, update, remove }: SlicePlan, existing: readonly EndpointSlice[]): EndpointSlice[] {
  const slices = new Map(existing.map((slice) => [slice.metadata.name, slice]))
  for (const slice of remove) assert.ok(slices.delete(slice.metadata.name))
  for (const slice of update) assert.ok(slices.has(slice.metadata.name) && slices.set(slice.metadata.name, slice))
  for (const slice of create) {
    const { name } = slice.metadata as { name: string }
    assert.ok(!slices.has(name), `${name} is new`)
    slices.set(name, { ...slice, metadata: { ...meta(name), ...slice.metadata } } as EndpointSlice)
  }
  return [...slices.values()]
}
const shown = (slices: readonly EndpointSlice[]) =>
  slices.map((slice) => [
    (slice.ports ?? []).map(({ port }) => port).join(','),
    ...slice.endpoints.map(
      ({ addresses, conditions }) => `${addresses[0]}${conditions?.ready ? '' : conditions?.serving ? ' leaving' : ' unready'}`,
    ),
  ])

const cases: { name: string; pods: readonly Pod[]; of?: Service; expect: string[][] }[] = [
  { name: 'no pod makes one empty slice', pods: [], expect: [['']] },
  { name: 'ready and unready pods', pods: [pod(2, { ready: false }), pod(1)], expect: [['8080', '10.42.0.1', '10.42.0.2 unready']] },
  { name: 'a leaving pod serves but is not ready', pods: [pod(1, { leaving: true })], expect: [['8080', '10.42.0.1 leaving']] },
  {
    name: 'ended, without address, of other labels: none',
    pods: [pod(1, { ended: true }), pod(2, { ip: '' }), pod(3, { labels: { app: 'db' } })],
    expect: [['']],
  },
  {
    name: 'publishNotReadyAddresses',
    of: service({ publishNotReadyAddresses: true }),
    pods: [pod(1, { ready: false })],
    expect: [['8080', '10.42.0.1']],
  },
  {
    name: 'a named port per pod, one slice per port',
    of: service({ ports: [{ port: 80, targetPort: 'web' }] }),
    pods: [pod(1), pod(2, { port: 9090 }), pod(3)],
    expect: [
      ['8080', '10.42.0.1', '10.42.0.3'],
      ['9090', '10.42.0.2'],
    ],
  },
  {
    name: 'a named port that no container has is left out',
    of: service({ ports: [{ port: 80, targetPort: 'nope' }] }),
    pods: [pod(1)],
    expect: [['', '10.42.0.1']],
  },
  { name: 'no target port is the port itself', of: service({ ports: [{ port: 80 }] }), pods: [pod(1)], expect: [['80', '10.42.0.1']] },
  { name: 'addresses of the other family are left out', pods: [pod(1, { ip: 'fd00::1' })], expect: [['']] },
]
for (const { name, pods, of, expect } of cases) test(name, () => assert.deepEqual(shown(applied(plan(pods, [], of), [])), expect))

test('a slice carries who made it, whose it is, and where each endpoint runs', () => {
  const [slice] = plan([pod(1, { hostname: 'first' })]).create
  assert.match(slice!.metadata.name!, /^web-[0-9a-f]{8}$/)
  assert.deepEqual(slice!.metadata.labels, { team: 'a', [SERVICE_NAME_LABEL]: 'web', [MANAGED_BY_LABEL]: MANAGER })
  assert.deepEqual(slice!.metadata.ownerReferences, [
    { apiVersion: 'v1', kind: 'Service', name: 'web', uid: 'uid-web', controller: true, blockOwnerDeletion: true },
  ])
  assert.deepEqual(slice!.endpoints, [
    {
      addresses: ['10.42.0.1'],
      conditions: { ready: true, serving: true, terminating: false },
      hostname: 'first',
      nodeName: 'pi-1',
      targetRef: { kind: 'Pod', namespace: 'default', name: 'p1', uid: 'uid-p1' },
    },
  ])
})

test('250 endpoints need three slices, and one change among them one write', () => {
  const pods = Array.from({ length: 250 }, (_, index) => pod(index, { ip: `10.42.${index >> 6}.${index & 63}` }))
  const slices = applied(plan(pods), [])
  assert.deepEqual(
    slices.map((slice) => slice.endpoints.length),
    [100, 100, 50],
  )
  const { create, update, remove } = plan(pods.with(7, pod(7, { ip: '10.42.0.7', ready: false })), slices)
  assert.deepEqual([create.length, update.length, remove.length], [0, 1, 0])
})

test('from nothing to the first endpoint and back writes the one slice, no more', () => {
  const empty = applied(plan([]), [])
  const first = plan([pod(1)], empty)
  assert.deepEqual([first.create.length, first.update.length, first.remove.length], [0, 1, 0])
  const last = plan([], applied(first, empty))
  assert.deepEqual([last.create.length, last.update.length, last.remove.length], [0, 1, 0])
})

test('carried out, a plan leaves nothing to plan and lists every member once (seeded)', () => {
  for (let seed = 1; seed <= 150; seed++) {
    const random = seeded(seed)
    const of = service({ ports: [{ port: 80, targetPort: 'web' }] })
    let slices: EndpointSlice[] = []
    for (let step = 0; step < 4; step++) {
      const pods = Array.from({ length: Math.floor(random() * 260) }, (_, index) =>
        pod(index, {
          ip: `10.42.${index >> 7}.${index & 127}`,
          ready: random() < 0.8,
          leaving: random() < 0.1,
          port: random() < 0.2 ? 9090 : 8080,
        }),
      ).filter(() => random() < 0.8)
      slices = applied(plan(pods, slices, of), slices)
      const again = plan(pods, slices, of)
      assert.deepEqual([again.create, again.update, again.remove], [[], [], []], `seed ${seed} step ${step}`)
      assert.ok(slices.every((slice) => slice.endpoints.length <= 100))
      assert.deepEqual(
        slices.flatMap((slice) => slice.endpoints.map((each) => each.targetRef!.uid)).sort(),
        pods.map((each) => each.metadata.uid).sort(),
        `seed ${seed} step ${step}`,
      )
    }
  }
})

test('Endpoints: ready, not ready, no leaving ones, at most 1000', () => {
  const of = service()
  const members = membersOf(of, [pod(1), pod(2, { ready: false }), pod(3, { leaving: true })])
  const target = (name: string) => ({ kind: 'Pod', namespace: 'default', name, uid: `uid-${name}` })
  assert.deepEqual(planEndpoints(of, members).subsets, [
    {
      addresses: [{ ip: '10.42.0.1', nodeName: 'pi-1', targetRef: target('p1') }],
      notReadyAddresses: [{ ip: '10.42.0.2', nodeName: 'pi-1', targetRef: target('p2') }],
      ports: [{ name: 'http', protocol: 'TCP', port: 8080 }],
    },
  ])
  assert.equal(planEndpoints(of, []).subsets, undefined)
  const many = planEndpoints(
    of,
    membersOf(
      of,
      Array.from({ length: 1001 }, (_, index) => pod(index, { ip: `10.42.${index >> 7}.${index & 127}`, ready: index > 0 })),
    ),
  )
  assert.deepEqual([many.subsets![0]!.addresses!.length, many.subsets![0]!.notReadyAddresses], [1000, undefined])
  assert.deepEqual(many.metadata.annotations, { 'endpoints.kubernetes.io/over-capacity': 'truncated' })
})
