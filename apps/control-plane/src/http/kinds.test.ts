import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { simEnv } from '@bramble/reconcile/sim/sim-env'
import { requestOf } from '../resources/certificates/certificate-request.fixture.ts'
import { testApi } from './http.fixture.ts'

const CORE = '/api/v1/namespaces/default'
const MERGE = { 'content-type': 'application/merge-patch+json' }
const STRATEGIC = { 'content-type': 'application/strategic-merge-patch+json' }
const container = { name: 'app', image: 'a:1' }
const template = { metadata: { labels: { app: 'web' } }, spec: { containers: [container] } }

async function api(t: TestContext) {
  const made = await testApi()
  t.after(() => made.store.close())
  await made.call('POST', '/api/v1/namespaces', { metadata: { name: 'default' } })
  return made
}

test('an autoscaler written in v2 is read, changed and listed in v1, and keeps what v1 cannot say', async (t) => {
  const { call } = await api(t)
  const path = (version: string): string => `/apis/autoscaling/${version}/namespaces/default/horizontalpodautoscalers`
  const metrics = [
    { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } } },
    { type: 'Resource', resource: { name: 'memory', target: { type: 'AverageValue', averageValue: '64Mi' } } },
  ]
  const spec = { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' }, maxReplicas: 5, metrics }
  const made = await call('POST', path('v2'), { metadata: { name: 'web' }, spec })
  assert.equal(made.status, 201)
  assert.match(made.headers.get('warning')!, /no controller of this cluster scales by metrics yet/)
  const old = await call('GET', `${path('v1')}/web`)
  assert.deepEqual([old.json.apiVersion, old.json.spec.targetCPUUtilizationPercentage], ['autoscaling/v1', 50])
  const patched = await call('PATCH', `${path('v1')}/web`, { spec: { targetCPUUtilizationPercentage: 70 } }, MERGE)
  assert.deepEqual([patched.status, patched.json.metadata.generation], [200, 2])
  const { json } = await call('GET', `${path('v2')}/web`)
  assert.deepEqual(json.spec.metrics, [
    { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 70 } } },
    metrics[1],
  ])
  assert.equal(json.metadata.annotations, undefined)
  assert.equal((await call('GET', path('v1'))).json.items.length, 1)
})

test('an autoscaler of v1 may leave all to defaults', async (t) => {
  const { call } = await api(t)
  const path = '/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers'
  const { status, json } = await call('POST', path, {
    metadata: { name: 'web' },
    spec: { scaleTargetRef: { kind: 'Deployment', name: 'web' }, maxReplicas: 3 },
  })
  assert.deepEqual([status, json.spec.minReplicas, json.spec.targetCPUUtilizationPercentage], [201, 1, 80])
  assert.deepEqual(json.status, { currentReplicas: 0, desiredReplicas: 0 })
})

test('an autoscaler that has done nothing says so, and saying it again changes nothing', async (t) => {
  const { call } = await api(t)
  const path = '/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers'
  const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' }
  const made = await call('POST', path, { metadata: { name: 'web' }, spec: { scaleTargetRef, maxReplicas: 3 } })
  assert.deepEqual(made.json.status, { desiredReplicas: 0, currentMetrics: null })
  const old = (await call('GET', `${path.replace('v2', 'v1')}/web`)).json
  for (const version of ['v1', 'v2'] as const) {
    const again = await call('PUT', `${path.replace('v2', version)}/web/status`, version === 'v1' ? old : made.json)
    assert.deepEqual([again.status, again.json.metadata.resourceVersion], [200, made.json.metadata.resourceVersion], version)
  }
})

test('Events are found under both groups, by the names of each', async (t) => {
  const { call } = await api(t)
  await call('POST', `${CORE}/events`, {
    metadata: { name: 'e' },
    involvedObject: { kind: 'Pod', namespace: 'default', name: 'web' },
    reason: 'Started',
    message: 'm',
  })
  const list = async (path: string) => (await call('GET', path)).json
  const named = await list('/apis/events.k8s.io/v1/namespaces/default/events?fieldSelector=regarding.name%3Dweb,reason%3DStarted')
  assert.deepEqual([named.kind, named.items.length, named.items[0].note], ['EventList', 1, 'm'])
  assert.equal((await list('/apis/events.k8s.io/v1/events?fieldSelector=regarding.name%3Dother')).items.length, 0)
  assert.equal((await list('/apis/events.k8s.io/v1/events?fieldSelector=involvedObject.name%3Dweb')).code, 400)
  assert.equal((await list(`${CORE}/events?fieldSelector=involvedObject.name%3Dweb`)).items[0].message, 'm')
})

test('a volume tells when its phase changed, a certificate request when it was decided', async (t) => {
  const env = simEnv()
  const { call, store } = await testApi({ env })
  t.after(() => store.close())
  const VOLUME = '/api/v1/persistentvolumes/v'
  const spec = { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], hostPath: { path: '/data' } }
  const made = await call('POST', '/api/v1/persistentvolumes', { metadata: { name: 'v' }, spec })
  assert.deepEqual(made.json.status, { phase: 'Pending', lastPhaseTransitionTime: '2026-01-01T00:00:00Z' })
  const changed = async (status: object) => (await call('PATCH', `${VOLUME}/status`, { status }, MERGE)).json.status
  await env.clock.advance(60_000)
  assert.equal((await changed({ message: 'm' })).lastPhaseTransitionTime, '2026-01-01T00:00:00Z')
  assert.equal((await changed({ lastPhaseTransitionTime: null })).lastPhaseTransitionTime, '2026-01-01T00:00:00Z')
  assert.equal((await changed({ phase: 'Available' })).lastPhaseTransitionTime, '2026-01-01T00:01:00Z')
  const told = { phase: 'Bound', lastPhaseTransitionTime: '2025-01-01T00:00:00Z' }
  assert.equal((await changed(told)).lastPhaseTransitionTime, '2025-01-01T00:00:00Z')

  const REQUESTS = '/apis/certificates.k8s.io/v1/certificatesigningrequests'
  const asked = { request: requestOf('/CN=jane'), signerName: 'example.com/s', usages: ['client auth'] }
  assert.equal((await call('POST', REQUESTS, { metadata: { name: 'r' }, spec: asked })).status, 201)
  const conditions = [{ type: 'Approved', status: 'True', reason: 'Because' }]
  const approved = await call('PATCH', `${REQUESTS}/r/approval`, { status: { conditions } }, MERGE)
  const at = '2026-01-01T00:01:00Z'
  assert.deepEqual(approved.json.status.conditions, [{ ...conditions[0], lastUpdateTime: at, lastTransitionTime: at }])
})

test('what an Event must say depends on the group that it is written by', async (t) => {
  const { call } = await api(t)
  const NEW = '/apis/events.k8s.io/v1/namespaces/default/events'
  const body = { metadata: { name: 'e' }, reason: 'Started', type: 'Normal' }
  const about = { kind: 'Pod', namespace: 'default', name: 'web' }
  const refused = await call('POST', NEW, { ...body, regarding: about })
  assert.deepEqual([refused.status, refused.json.message], [422, 'Event "e" is invalid: eventTime: Required value'])
  assert.equal((await call('POST', `${CORE}/events`, { ...body, involvedObject: about })).status, 201)
  const changed = await call('PATCH', `${NEW}/e`, { note: 'm' }, MERGE)
  assert.deepEqual([changed.status, changed.json.message], [422, 'Event "e" is invalid: message: Invalid value: "m": field is immutable'])
  assert.equal((await call('PATCH', `${CORE}/events/e`, { message: 'm' }, MERGE)).status, 200)
})

test('a ReplicationController is scaled, and its selector is told as text', async (t) => {
  const { call } = await api(t)
  const path = `${CORE}/replicationcontrollers`
  assert.equal((await call('POST', path, { metadata: { name: 'web' }, spec: { template } })).status, 201)
  const { json } = await call('PATCH', `${path}/web/scale`, { spec: { replicas: 3 } }, MERGE)
  assert.deepEqual([json.kind, json.spec.replicas, json.status.selector], ['Scale', 3, 'app=web'])
})

test('a container to look into a pod is added by a strategic merge patch', async (t) => {
  const { call } = await api(t)
  await call('POST', `${CORE}/pods`, { metadata: { name: 'web' }, spec: { containers: [container] } })
  const path = `${CORE}/pods/web/ephemeralcontainers`
  const add = (name: string) =>
    call('PATCH', path, { spec: { ephemeralContainers: [{ name, image: 'busybox:1', targetContainerName: 'app' }] } }, STRATEGIC)
  assert.equal((await add('one')).status, 200)
  const { json } = await add('two')
  assert.deepEqual(json.spec.ephemeralContainers.map(({ name }: { name: string }) => name).sort(), ['one', 'two'])
  assert.equal((await call('PATCH', path, { spec: { ephemeralContainers: null } }, MERGE)).status, 422)
  assert.equal((await call('GET', path)).json.kind, 'Pod')
})

test('a pod is resized, and nothing else of the body counts', async (t) => {
  const { call } = await api(t)
  await call('POST', `${CORE}/pods`, {
    metadata: { name: 'web' },
    spec: { containers: [{ ...container, resources: { requests: { cpu: '1' } } }] },
  })
  const patch = {
    metadata: { labels: { a: 'b' } },
    spec: { containers: [{ name: 'app', image: 'b:1', resources: { requests: { cpu: '2' } } }] },
  }
  const { status, json } = await call('PATCH', `${CORE}/pods/web/resize`, patch, STRATEGIC)
  assert.deepEqual(
    [status, json.spec.containers[0].resources, json.spec.containers[0].image, json.metadata.labels],
    [200, { requests: { cpu: '2' } }, 'a:1', undefined],
  )
  assert.equal((await call('POST', `${CORE}/pods/web/resize`, patch)).status, 405)
})

test('a Job gets a selector of its own, once', async (t) => {
  const { call } = await api(t)
  const path = '/apis/batch/v1/namespaces/default/jobs'
  const spec = { template: { spec: { restartPolicy: 'Never', containers: [container] } } }
  const { status, json } = await call('POST', path, { metadata: { name: 'once' }, spec, status: { succeeded: 5 } })
  assert.deepEqual(
    [status, json.spec.selector, json.status],
    [201, { matchLabels: { 'batch.kubernetes.io/controller-uid': json.metadata.uid } }, {}],
  )
  assert.equal((await call('PUT', `${path}/once`, json)).json.metadata.resourceVersion, json.metadata.resourceVersion)
  const refused = await call('PATCH', `${path}/once`, { spec: { completions: 2 } }, MERGE)
  assert.deepEqual(
    [refused.status, refused.json.message],
    [422, 'Job.batch "once" is invalid: spec.completions: Invalid value: 2: field is immutable'],
  )
  assert.equal((await call('GET', `${path}?fieldSelector=status.successful%3D0`)).json.items.length, 1)
})
