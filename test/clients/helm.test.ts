import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type HollowFleet, hollowFleet } from '../sim/hollow-fleet.ts'
import { deleteOptions, namespace as namespaceMessage, secret } from './messages.ts'
import { GO_ACCEPT, Wire } from './wire.ts'

// What Helm sends, in its order: releases are Secrets of up to 1 MB in protobuf, manifests go as JSON.

const NS = '/api/v1/namespaces/shop'
const SECRETS = `${NS}/secrets`
const DEPLOYMENTS = '/apis/apps/v1/namespaces/shop/deployments'
const RELEASE = 'helm.sh/release.v1'
const STRATEGIC = 'application/strategic-merge-patch+json'
const APPLY = 'application/apply-patch+yaml'
/** Source: client-go util/retry, `DefaultRetry`: Helm looks and patches anew when somebody else wrote in between. */
const CONFLICT_TRIES = 5
/** Not far below what a Secret may hold. */
const RELEASE_BYTES = 1_040_000
const SECRET_BYTES_MAX = 2 ** 20

let fleet: HollowFleet
let wire: Wire
before(async () => {
  fleet = await hollowFleet(1, { startMs: 10, pullMs: 10 })
  wire = await Wire.open(fleet.kubeconfig)
})
after(async () => {
  wire.close()
  await fleet.stop()
})

const go = { accept: GO_ACCEPT }
const releaseName = (version: number): string => `sh.helm.release.v1.web.v${version}`
const release = (version: number, status: string, resourceVersion = ''): Buffer =>
  secret(
    {
      name: releaseName(version),
      namespace: 'shop',
      resourceVersion,
      labels: { name: 'web', owner: 'helm', status, version: `${version}` },
    },
    RELEASE,
    { release: Buffer.alloc(RELEASE_BYTES, `v${version} ${status} `) },
  )
const createRelease = (version: number, status: string) =>
  wire.must({ method: 'POST', path: SECRETS, headers: go, body: release(version, status) })
const updateRelease = (version: number, status: string) =>
  wire.must({ method: 'PUT', path: `${SECRETS}/${releaseName(version)}`, headers: go, body: release(version, status) })
/** Versions and their statuses, as Helm finds its history. */
async function history(more = ''): Promise<string[]> {
  const { items } = await wire.must({ path: `${SECRETS}?labelSelector=${encodeURIComponent(`name=web,owner=helm${more}`)}`, headers: go })
  return items.map(
    ({ metadata }: { metadata: { labels: Record<string, string> } }) => `${metadata.labels['version']} ${metadata.labels['status']}`,
  )
}

const deployment = (image: string) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: {
    name: 'web',
    namespace: 'shop',
    labels: { 'app.kubernetes.io/managed-by': 'Helm' },
    annotations: { 'meta.helm.sh/release-name': 'web' },
  },
  spec: {
    replicas: 1,
    selector: { matchLabels: { app: 'web' } },
    template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image }] } },
  },
})
const toImage = (image: string) => ({
  spec: { template: { spec: { '$setElementOrder/containers': [{ name: 'web' }], containers: [{ image, name: 'web' }] } } },
})
const patchImage = (image: string) =>
  wire.must({ method: 'PATCH', path: `${DEPLOYMENTS}/web?fieldManager=helm`, headers: { 'content-type': STRATEGIC }, body: toImage(image) })

describe('Helm 3', () => {
  it('asks for the version and for what there is', async () => {
    assert.match((await wire.must({ path: '/version?timeout=32s' })).gitVersion, /^v1\.\d+\.\d+/)
    const aggregated = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json'
    for (const path of ['/api?timeout=32s', '/apis?timeout=32s'])
      assert.equal((await wire.must({ path, headers: { accept: aggregated } })).kind, 'APIGroupDiscoveryList')
    const { paths } = await wire.must({ path: '/openapi/v3?timeout=32s', headers: { accept: 'application/json, */*' } })
    const document = await wire.must({ path: paths['apis/apps/v1'].serverRelativeURL })
    assert.ok(document.paths['/apis/apps/v1/namespaces/{namespace}/deployments/{name}'].patch)
  })

  it('installs: a namespace, a pending release, the objects, a deployed release', async () => {
    await wire.must({ method: 'POST', path: '/api/v1/namespaces', headers: go, body: namespaceMessage('shop') })
    assert.deepEqual(await history(), [])
    assert.equal((await wire.send({ path: `${DEPLOYMENTS}/web` })).code, 404)
    const created = await createRelease(1, 'pending-install')
    assert.deepEqual([created.type, Buffer.from(created.data.release, 'base64').length], [RELEASE, RELEASE_BYTES])
    await wire.must({ method: 'POST', path: `${DEPLOYMENTS}?fieldManager=helm`, body: deployment('localhost/web:1') })
    await updateRelease(1, 'deployed')
    assert.deepEqual(await history(), ['1 deployed'])
  })

  it('upgrades by three-way strategic patches', async () => {
    await createRelease(2, 'pending-upgrade')
    const patched = await patchImage('localhost/web:2')
    assert.equal(patched.spec.template.spec.containers[0].image, 'localhost/web:2')
    await updateRelease(1, 'superseded')
    await updateRelease(2, 'deployed')
    assert.deepEqual(await history(',status=deployed'), ['2 deployed'])
  })

  it('rolls back', async () => {
    await createRelease(3, 'pending-rollback')
    assert.equal((await patchImage('localhost/web:1')).spec.template.spec.containers[0].image, 'localhost/web:1')
    await updateRelease(2, 'superseded')
    await updateRelease(3, 'deployed')
    assert.deepEqual(await history(), ['1 superseded', '2 superseded', '3 deployed'])
  })

  it('shows the status of what it made as tables with the objects', async () => {
    const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json'
    const table = await wire.must({ path: `${DEPLOYMENTS}/web?includeObject=Object`, headers: { accept } })
    assert.deepEqual([table.kind, table.rows.length, table.rows[0].object.kind], ['Table', 1, 'Deployment'])
    assert.equal(table.columnDefinitions[0].name, 'Name')
    const pods = await wire.must({ path: `${NS}/pods?labelSelector=app%3Dweb&includeObject=Object&limit=500`, headers: { accept } })
    assert.equal(pods.kind, 'Table')
  })

  it('uninstalls: marks, deletes in the background, deletes the history', async () => {
    await updateRelease(3, 'uninstalling')
    const gone = await wire.must({ method: 'DELETE', path: `${DEPLOYMENTS}/web`, body: { propagationPolicy: 'Background' } })
    assert.equal(gone.status, 'Success')
    for (const version of [1, 2, 3])
      await wire.must({ method: 'DELETE', path: `${SECRETS}/${releaseName(version)}`, headers: go, body: deleteOptions('Background') })
    assert.deepEqual(await history(), [])
  })

  it('is told when a release is too large', async () => {
    const body = secret({ name: 'large', namespace: 'shop' }, RELEASE, { release: Buffer.alloc(SECRET_BYTES_MAX + 1, 'x') })
    const { code, json } = await wire.send({ method: 'POST', path: SECRETS, headers: go, body })
    assert.deepEqual(
      [code, json.message],
      [422, `Secret "large" is invalid: data: Too long: may not be more than ${SECRET_BYTES_MAX} bytes`],
    )
  })
})

describe('Helm 4', () => {
  const apply = (query: string, image: string) =>
    wire.send({
      method: 'PATCH',
      path: `${DEPLOYMENTS}/web?fieldManager=helm&fieldValidation=Strict${query}`,
      headers: { 'content-type': APPLY },
      body: deployment(image),
    })
  const managers = (object: { metadata: { managedFields: { manager: string; operation: string; subresource?: string }[] } }): string[] =>
    object.metadata.managedFields.filter(({ manager, subresource }) => manager === 'helm' && !subresource).map(({ operation }) => operation)

  it('applies: dry, then really', async () => {
    const dry = await apply('&force=false&dryRun=All', 'localhost/web:1')
    assert.equal(dry.code, 201)
    assert.equal((await wire.send({ path: `${DEPLOYMENTS}/web` })).code, 404)
    const { code, json } = await apply('&force=false', 'localhost/web:1')
    assert.deepEqual([code, managers(json)], [201, ['Apply']])
    const again = await apply('&force=false', 'localhost/web:1')
    assert.deepEqual([again.code, managers(again.json)], [200, ['Apply']])
  })

  it('waits with an informer until the Deployment is as it should be', async () => {
    const query = 'allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan&sendInitialEvents=true&timeoutSeconds=30&watch=true'
    const { response, events } = await wire.watch(`${DEPLOYMENTS}?${query}`)
    assert.equal(response.headers['content-type'], 'application/json')
    const seen: string[] = []
    let isReady = false
    for await (const { type, object } of events) {
      seen.push(type)
      const { metadata, status } = object
      if (type !== 'BOOKMARK') isReady = status?.observedGeneration === metadata.generation && status.availableReplicas === 1
      else assert.equal(metadata.annotations['k8s.io/initial-events-end'], 'true')
      if (isReady && seen.includes('BOOKMARK')) break
    }
    assert.deepEqual(seen.slice(0, 2), ['ADDED', 'BOOKMARK'])
    assert.ok(isReady)
  })

  it('meets a conflict when somebody else changed a field, and takes it with force', async () => {
    await wire.must({
      method: 'PATCH',
      path: `${DEPLOYMENTS}/web?fieldManager=anna`,
      headers: { 'content-type': STRATEGIC },
      body: toImage('localhost/web:9'),
    })
    const refused = await apply('&force=false', 'localhost/web:2')
    assert.deepEqual([refused.code, refused.json.reason], [409, 'Conflict'])
    assert.match(
      refused.json.message,
      /^Apply failed with 1 conflict: conflict with "anna" using apps\/v1: \.spec\.template\.spec\.containers\[name="web"\]\.image$/,
    )
    const forced = await apply('&force=true', 'localhost/web:2')
    assert.equal(forced.json.spec.template.spec.containers[0].image, 'localhost/web:2')
    await wire.must({ method: 'DELETE', path: `${DEPLOYMENTS}/web`, body: { propagationPolicy: 'Background' } })
  })

  it('takes over what Helm 3 made: managed fields are replaced by a JSON patch, then it applies', async () => {
    const made = await wire.must({ method: 'POST', path: `${DEPLOYMENTS}?fieldManager=helm`, body: deployment('localhost/web:1') })
    assert.deepEqual(managers(made), ['Update'])
    const upgrade = async (resourceVersion?: string) => {
      const { metadata } = await wire.must({ path: `${DEPLOYMENTS}/web` })
      const value = metadata.managedFields.map((entry: { manager: string; subresource?: string }) =>
        entry.manager === 'helm' && !entry.subresource ? { ...entry, operation: 'Apply' } : entry,
      )
      return wire.send({
        method: 'PATCH',
        path: `${DEPLOYMENTS}/web`,
        headers: { 'content-type': 'application/json-patch+json' },
        body: [
          { op: 'replace', path: '/metadata/managedFields', value },
          { op: 'replace', path: '/metadata/resourceVersion', value: resourceVersion ?? metadata.resourceVersion },
        ],
      })
    }
    assert.deepEqual([(await upgrade('1')).code], [409])
    let upgraded = await upgrade()
    for (let tries = 1; upgraded.code === 409 && tries < CONFLICT_TRIES; tries++) upgraded = await upgrade() // its status is written meanwhile
    assert.deepEqual([upgraded.code, managers(upgraded.json)], [200, ['Apply']])
    const applied = await apply('&force=false', 'localhost/web:2')
    assert.deepEqual([applied.code, managers(applied.json)], [200, ['Apply']])
  })
})
