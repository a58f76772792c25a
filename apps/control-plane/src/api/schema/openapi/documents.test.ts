import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject } from '@bramble/api/object'
import { allResources } from '../../../resources/all.ts'
import { wireFields, type WireValue } from '../../../http/protobuf/wire.ts'
import { documentedKind } from './documented-kind.ts'
import { documentV2, documentV3 } from './documents.ts'
import { gnosticDocument } from './gnostic.ts'
import { operationsOf } from './operations.ts'

const TEXTS = { descriptions: {}, values: {} }
const KINDS = allResources.map(documentedKind)
const operations = KINDS.flatMap(operationsOf)
const kind = (name: string) => KINDS.find((each) => each.kind === name)!

// biome-ignore format: a table
const ids: readonly (readonly [of: string, method: string, path: string, id: string, action: string])[] = [
  ['Pod', 'get', '/api/v1/pods', 'listCoreV1PodForAllNamespaces', 'list'],
  ['Pod', 'get', '/api/v1/namespaces/{namespace}/pods', 'listCoreV1NamespacedPod', 'list'],
  ['Pod', 'get', '/api/v1/namespaces/{namespace}/pods/{name}/log', 'readCoreV1NamespacedPodLog', 'get'],
  ['Pod', 'post', '/api/v1/namespaces/{namespace}/pods/{name}/eviction', 'createCoreV1NamespacedPodEviction', 'post'],
  ['Node', 'delete', '/api/v1/nodes', 'deleteCollectionCoreV1Node', 'deletecollection'],
  ['Deployment', 'patch', '/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale', 'patchAppsV1NamespacedDeploymentScale', 'patch'],
  ['ClusterRole', 'put', '/apis/rbac.authorization.k8s.io/v1/clusterroles/{name}', 'replaceRbacAuthorizationV1ClusterRole', 'put'],
]
for (const [of, method, path, id, action] of ids)
  test(`${method} ${path} is ${id}`, () => {
    const found = operationsOf(kind(of)).find((each) => each.path === path && each.method === method)
    assert.deepEqual([found?.id, found?.action], [id, action])
  })

test('no two operations have one name or one place', () => {
  assert.equal(new Set(operations.map(({ id }) => id)).size, operations.length)
  assert.equal(new Set(operations.map(({ path, method }) => `${method} ${path}`)).size, operations.length)
})

test('a subresource tells the kind that it takes and gives', () => {
  const scale = operationsOf(kind('Deployment')).find(({ path, method }) => path.endsWith('/scale') && method === 'put')!
  assert.deepEqual(
    [scale.of, scale.takes, scale.gives],
    [{ group: 'autoscaling', version: 'v1', kind: 'Scale' }, 'io.k8s.api.autoscaling.v1.Scale', 'io.k8s.api.autoscaling.v1.Scale'],
  )
})

test('what clients patch knows fieldValidation, in both versions, and does not list strategic merge', () => {
  for (const document of [documentV2(KINDS, TEXTS), documentV3(KINDS, TEXTS)]) {
    const paths = document['paths'] as Record<string, { patch?: { parameters: { name: string }[]; 'x-kubernetes-action': string } }>
    const patches = Object.values(paths).flatMap(({ patch }) => (patch && patch['x-kubernetes-action'] !== 'connect' ? patch : []))
    assert.ok(patches.length > 50)
    for (const { parameters } of patches) assert.ok(parameters.some(({ name }) => name === 'fieldValidation'))
    assert.ok(!JSON.stringify(patches).includes('strategic-merge-patch'))
  }
})

test('the protobuf form tells the same as the JSON form', () => {
  const document = documentV2([kind('Pod'), kind('Deployment')], {
    descriptions: { 'io.k8s.api.core.v1.Pod': { '': 'A pod.' } },
    values: {},
  })
  const read = messageOf(gnosticDocument(document))
  assert.equal(String(read.get(1)?.[0]), '2.0')
  const paths = namesIn(read.get(8), 2)
  assert.deepEqual([...paths.keys()].sort(), Object.keys(document['paths'] as object).sort())
  const definitions = namesIn(read.get(9), 1)
  assert.deepEqual([...definitions.keys()].sort(), Object.keys(document['definitions'] as object).sort())

  const pod = definitions.get('io.k8s.api.core.v1.Pod')!
  assert.equal(String(pod.get(4)?.[0]), 'A pod.')
  assert.deepEqual(
    [...namesIn(pod.get(25), 1).keys()],
    Object.keys(((document['definitions'] as JsonObject)['io.k8s.api.core.v1.Pod'] as JsonObject)['properties'] as object),
  )
  const [extension] = pod.get(31)!.map((each) => messageOf(each as Buffer))
  assert.equal(String(extension!.get(1)![0]), 'x-kubernetes-group-version-kind')
  assert.deepEqual(JSON.parse(String(messageOf(extension!.get(2)![0] as Buffer).get(2)![0])), [{ group: '', kind: 'Pod', version: 'v1' }])

  const patch = messageOf(paths.get('/apis/apps/v1/namespaces/{namespace}/deployments/{name}')!.get(8)![0] as Buffer)
  const queries = patch
    .get(8)!
    .map((each) => messageOf(messageOf(messageOf(each as Buffer).get(1)![0] as Buffer).get(2)?.[0] as Buffer | undefined))
  const names = queries.flatMap((each) => each.get(3) ?? []).map((each) => String(messageOf(each as Buffer).get(4)![0]))
  assert.deepEqual(names, ['dryRun', 'fieldManager', 'fieldValidation', 'force'])
})

type Message = ReadonlyMap<number, readonly WireValue[]>

function messageOf(bytes: Buffer | undefined): Message {
  const fields = bytes === undefined ? [] : [...wireFields(bytes)]
  return new Map([...Map.groupBy(fields, ([number]) => number)].map(([number, values]) => [number, values.map(([, value]) => value)]))
}

/** Named{1: name, 2: value} in field `number` of a message. */
function namesIn(parts: readonly WireValue[] | undefined, number: number): ReadonlyMap<string, Message> {
  const entries = messageOf(parts?.[0] as Buffer)
    .get(number)!
    .map((each) => messageOf(each as Buffer))
  return new Map(entries.map((entry) => [String(entry.get(1)![0]), messageOf(entry.get(2)?.[0] as Buffer | undefined)]))
}
