import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { testApi } from './http.fixture.ts'

// Quantities are stored in one form, so that saying the same in other words changes nothing.

const NS = '/api/v1/namespaces/default'
const DEPLOYMENTS = '/apis/apps/v1/namespaces/default/deployments'
const MERGE = { 'content-type': 'application/merge-patch+json' }
const STRATEGIC = { 'content-type': 'application/strategic-merge-patch+json' }
const APPLY = { 'content-type': 'application/apply-patch+yaml' }

async function api(t: TestContext) {
  const made = await testApi()
  t.after(() => made.store.close())
  await made.call('POST', '/api/v1/namespaces', { metadata: { name: 'default' } })
  return made
}

const container = (cpu: string | number, memory: string | number) => ({
  name: 'c',
  image: 'i:1',
  resources: { limits: { cpu, memory } },
})
const deployment = (cpu: string | number, memory: string | number) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web' },
  spec: {
    selector: { matchLabels: { app: 'web' } },
    template: { metadata: { labels: { app: 'web' } }, spec: { containers: [container(cpu, memory)] } },
  },
})
const volume = { accessModes: ['ReadWriteOnce'], hostPath: { path: '/data' } }

const stored: readonly (readonly [what: string, path: string, spec: object, at: string, expected: object])[] = [
  [
    'a pod',
    `${NS}/pods`,
    { containers: [container('1000m', 1073741824)] },
    'containers.0.resources.limits',
    { cpu: '1', memory: '1073741824' },
  ],
  ['a pod', `${NS}/pods`, { containers: [container(0.5, '1024Mi')] }, 'containers.0.resources.limits', { cpu: '500m', memory: '1Gi' }],
  [
    'a pod, its requests following its limits',
    `${NS}/pods`,
    { containers: [container('0.25', '1e3')] },
    'containers.0.resources.requests',
    { cpu: '250m', memory: '1e3' },
  ],
  [
    'a claim',
    `${NS}/persistentvolumeclaims`,
    { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '2048Mi' } } },
    'resources.requests',
    { storage: '2Gi' },
  ],
  ['a volume', '/api/v1/persistentvolumes', { ...volume, capacity: { storage: '0.5Gi' } }, 'capacity', { storage: '512Mi' }],
  ['a quota', `${NS}/resourcequotas`, { hard: { cpu: '1500m', pods: 1000 } }, 'hard', { cpu: '1500m', pods: '1k' }],
  [
    'a Deployment',
    DEPLOYMENTS,
    deployment('1000m', '1024Ki').spec,
    'template.spec.containers.0.resources.limits',
    { cpu: '1', memory: '1Mi' },
  ],
]
for (const [what, path, spec, at, expected] of stored)
  test(`${what} has ${JSON.stringify(expected)}`, async (t) => {
    const { call } = await api(t)
    assert.equal((await call('POST', path, { metadata: { name: 'x' }, spec })).status, 201)
    const { json } = await call('GET', `${path}/x`)
    assert.deepEqual(
      at.split('.').reduce((value, step) => value[step], json.spec),
      expected,
    )
  })

test('who applies the same in other words changes nothing, and owns it with others', async (t) => {
  const { call } = await api(t)
  const apply = (manager: string, cpu: string | number, memory: string) =>
    call('PATCH', `${DEPLOYMENTS}/web?fieldManager=${manager}`, deployment(cpu, memory), APPLY)
  const first = await apply('a', '0.5', '1024Mi')
  const { resourceVersion } = first.json.metadata
  for (const [cpu, memory] of [
    ['0.5', '1024Mi'],
    [0.5, '1Gi'],
    ['500m', '1048576Ki'],
  ] as const) {
    const { status, json } = await apply('a', cpu, memory)
    assert.deepEqual([status, json.metadata.resourceVersion, json.metadata.generation], [200, resourceVersion, 1], `${cpu} ${memory}`)
  }
  assert.equal((await apply('b', '500m', '1Gi')).status, 200)
  assert.equal((await apply('b', '600m', '1Gi')).status, 409)
})

test('who patches or replaces with the same in other words changes nothing', async (t) => {
  const { call } = await api(t)
  const made = await call('POST', DEPLOYMENTS, deployment('0.5', '1024Mi'))
  const { resourceVersion } = made.json.metadata
  const spec = { template: { spec: { containers: [container('0.5', '1024Mi')] } } }
  const replaced = structuredClone(made.json)
  replaced.spec.template.spec.containers[0].resources.limits = { cpu: 0.5, memory: '1024Mi' }
  const again = [
    await call('PATCH', `${DEPLOYMENTS}/web`, { spec }, STRATEGIC),
    await call('PATCH', `${DEPLOYMENTS}/web`, { spec }, MERGE),
    await call('PUT', `${DEPLOYMENTS}/web`, replaced),
  ]
  assert.deepEqual(
    again.map(({ json }) => [json.metadata.resourceVersion, json.metadata.generation]),
    Array.from({ length: 3 }, () => [resourceVersion, 1]),
  )
})
