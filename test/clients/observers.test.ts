import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, describe, it } from 'node:test'
import { WebSocket } from 'ws'
import { type HollowFleet, hollowFleet } from '../sim/hollow-fleet.ts'
import { accessReview } from './messages.ts'
import { GO_ACCEPT, Wire } from './wire.ts'

// How programs that look at a cluster start: kube-state-metrics, k9s, Headlamp.

const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json'
const INITIAL = 'allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan&sendInitialEvents=true&watch=true&timeoutSeconds=60'

/** The default resources of kube-state-metrics. */
const WATCHED = [
  '/apis/certificates.k8s.io/v1/certificatesigningrequests',
  '/api/v1/configmaps',
  '/apis/batch/v1/cronjobs',
  '/apis/apps/v1/daemonsets',
  '/apis/apps/v1/deployments',
  '/apis/discovery.k8s.io/v1/endpointslices',
  '/apis/autoscaling/v2/horizontalpodautoscalers',
  '/apis/networking.k8s.io/v1/ingresses',
  '/apis/batch/v1/jobs',
  '/apis/coordination.k8s.io/v1/leases',
  '/api/v1/limitranges',
  '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations',
  '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations',
  '/apis/admissionregistration.k8s.io/v1/mutatingadmissionpolicies',
  '/apis/admissionregistration.k8s.io/v1/mutatingadmissionpolicybindings',
  '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies',
  '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings',
  '/api/v1/namespaces',
  '/apis/networking.k8s.io/v1/networkpolicies',
  '/api/v1/nodes',
  '/api/v1/persistentvolumes',
  '/api/v1/persistentvolumeclaims',
  '/apis/policy/v1/poddisruptionbudgets',
  '/api/v1/pods',
  '/apis/apps/v1/replicasets',
  '/api/v1/replicationcontrollers',
  '/api/v1/resourcequotas',
  '/api/v1/secrets',
  '/api/v1/services',
  '/apis/apps/v1/statefulsets',
  '/apis/storage.k8s.io/v1/storageclasses',
  '/apis/storage.k8s.io/v1/volumeattachments',
] as const

let fleet: HollowFleet
let wire: Wire
before(async () => {
  fleet = await hollowFleet(1)
  wire = await Wire.open(fleet.kubeconfig)
})
after(async () => {
  wire.close()
  await fleet.stop()
})

describe('kube-state-metrics', () => {
  for (const path of WATCHED)
    it(`lists ${path}, or begins with a watch`, async () => {
      const list = await wire.must({ path: `${path}?limit=500&resourceVersion=0`, headers: { accept: GO_ACCEPT } })
      assert.match(list.kind, /List$/)
      assert.ok(Array.isArray(list.items))
      assert.match(list.metadata.resourceVersion, /^\d+$/)
      const { response, events } = await wire.watch(`${path}?${INITIAL}`, { accept: GO_ACCEPT })
      assert.equal(response.statusCode, 200)
      let count = 0
      for await (const { type, object } of events) {
        assert.equal(object.kind, list.kind.replace(/List$/, ''))
        if (type === 'BOOKMARK') break
        assert.equal(type, 'ADDED')
        count++
      }
      assert.ok(count >= list.items.length || list.kind === 'LeaseList')
    })

  it('goes on without what is not served: a Status at once', async () => {
    const { code, json } = await wire.send({
      path: '/apis/verticalpodautoscaling.k8s.io/v1/verticalpodautoscalers?limit=500',
      headers: { accept: GO_ACCEPT },
    })
    assert.ok(code === 404 && (json === undefined || json.kind === 'Status'))
  })
})

describe('k9s', () => {
  it('asks who answers, every few seconds', async () => {
    for (let count = 0; count < 3; count++) assert.ok((await wire.must({ path: '/version?timeout=5s' })).gitVersion)
  })

  for (const [group, resource] of [
    ['', 'pods'],
    ['apps', 'deployments'],
    ['', 'nodes'],
    ['metrics.k8s.io', 'nodes'],
  ] as const)
    it(`asks in protobuf whether it may list ${resource}.${group}`, async () => {
      const body = accessReview('list', group, resource)
      const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews'
      const review = await wire.must({ method: 'POST', path, headers: { accept: GO_ACCEPT }, body })
      assert.equal(review.status.allowed, true)
      assert.deepEqual(review.spec.resourceAttributes, { verb: 'list', ...(group && { group }), resource })
    })

  it('finds out whether there are metrics', async () => {
    const { groups } = await wire.must({ path: '/apis' })
    assert.ok(groups.some(({ name }: { name: string }) => name === 'metrics.k8s.io'))
    assert.equal((await wire.must({ path: '/apis/metrics.k8s.io/v1beta1/nodes' })).kind, 'NodeMetricsList')
  })

  it('shows tables and keeps them fresh', async () => {
    const table = await wire.must({ path: '/api/v1/nodes?includeObject=Object', headers: { accept: TABLE } })
    assert.deepEqual([table.kind, table.rows[0].object.kind, table.rows[0].cells[0]], ['Table', 'Node', 'pi-1'])
    const { events } = await wire.watch('/api/v1/nodes?watch=true', { accept: TABLE })
    const { value } = (await events.next()) as { value: { type: string; object: { kind: string; columnDefinitions: unknown[] } } }
    assert.deepEqual([value.type, value.object.kind, value.object.columnDefinitions.length > 5], ['ADDED', 'Table', true])
    await events.return(undefined)
  })
})

describe('Headlamp', () => {
  const json = { accept: 'application/json' }

  it('starts: health, version, rights, lists', async () => {
    assert.equal((await wire.send({ path: '/healthz' })).text, 'ok')
    assert.ok((await wire.must({ path: '/version', headers: json })).minor)
    const rules = await wire.must({
      method: 'POST',
      path: '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews',
      body: { kind: 'SelfSubjectRulesReview', apiVersion: 'authorization.k8s.io/v1', spec: { namespace: 'default' } },
    })
    assert.ok(rules.status.resourceRules.length > 0)
    const review = {
      kind: 'SelfSubjectAccessReview',
      apiVersion: 'authorization.k8s.io/v1',
      spec: { resourceAttributes: { verb: 'update', resource: 'pods' } },
    }
    assert.equal(
      (await wire.must({ method: 'POST', path: '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', body: review })).status.allowed,
      true,
    )
    for (const path of [
      '/api/v1/pods',
      '/apis/apps/v1/deployments',
      '/apis/apiextensions.k8s.io/v1/customresourcedefinitions',
      '/api/v1/events?limit=2000',
    ])
      assert.match((await wire.must({ path, headers: json })).metadata.resourceVersion, /^\d+$/)
  })

  it('watches over a WebSocket: an event is a text', async () => {
    const MAPS = '/api/v1/namespaces/default/configmaps'
    const { metadata } = await wire.must({ path: MAPS })
    const url = new URL(`${MAPS}?watch=1&resourceVersion=${metadata.resourceVersion}`, wire.server)
    url.protocol = 'wss:'
    const socket = new WebSocket(url, ['base64.binary.k8s.io'], { ...wire.credentials, origin: 'https://headlamp.example.com' } as object)
    await once(socket, 'open')
    assert.equal(socket.protocol, 'base64.binary.k8s.io')
    const message = once(socket, 'message') as Promise<[Buffer, boolean]>
    await wire.must({ method: 'POST', path: MAPS, body: { metadata: { name: 'seen' } } })
    const [data, isBinary] = await message
    const { type, object } = JSON.parse(data.toString()) as { type: string; object: { metadata: { name: string } } }
    assert.deepEqual([isBinary, type, object.metadata.name], [false, 'ADDED', 'seen'])
    const closed = once(socket, 'close')
    socket.close()
    await closed
  })

  it('edits: reads, replaces, and is told when somebody was faster', async () => {
    const path = '/api/v1/namespaces/default/configmaps/edited'
    await wire.must({
      method: 'POST',
      path: '/api/v1/namespaces/default/configmaps',
      body: { metadata: { name: 'edited' }, data: { a: '1' } },
    })
    const read = await wire.must({ path })
    assert.deepEqual((await wire.must({ method: 'PUT', path, body: { ...read, data: { a: '2' } } })).data, { a: '2' })
    const late = await wire.send({ method: 'PUT', path, body: { ...read, data: { a: '3' } } })
    assert.deepEqual([late.code, late.json.reason], [409, 'Conflict'])
  })
})
