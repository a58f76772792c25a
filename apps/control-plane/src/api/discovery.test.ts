import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aggregatedDiscovery, apiGroup, apiGroupList, apiResourceList, compareVersions } from './discovery.ts'
import { Registry } from './registry.ts'
import type { ResourceDefinition } from './resource.ts'

const kind = (group: string, version: string, name: string, more: Partial<ResourceDefinition> = {}): ResourceDefinition => ({
  group,
  version,
  kind: name,
  plural: `${name.toLowerCase()}s`,
  scope: 'Namespaced',
  durability: 'durable',
  schema: { type: 'any' },
  columns: [],
  ...more,
})
const groupVersions = new Registry([
  kind('zoo', 'v1beta1', 'Cage'),
  kind('zoo', 'v1', 'Cage', { subresources: { scale: { specReplicas: '', statusReplicas: '', labelSelector: '' }, status: true } }),
  kind('', 'v1', 'Pod', {
    shortNames: ['po'],
    categories: ['all'],
    subresources: {
      named: [
        { name: 'eviction', kind: 'Eviction', group: 'policy', version: 'v1', verbs: ['create'] },
        { name: 'log', kind: 'Pod', verbs: ['get'] },
      ],
    },
  }),
  kind('', 'v1', 'Node', { scope: 'Cluster', verbs: ['get'] }),
]).groupVersions()
const ALL = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch']

test('groups list their versions, the stable one preferred; the core group is not among them', () => {
  const zoo = {
    name: 'zoo',
    versions: [
      { groupVersion: 'zoo/v1', version: 'v1' },
      { groupVersion: 'zoo/v1beta1', version: 'v1beta1' },
    ],
    preferredVersion: { groupVersion: 'zoo/v1', version: 'v1' },
  }
  assert.deepEqual(apiGroupList(groupVersions), { kind: 'APIGroupList', apiVersion: 'v1', groups: [zoo] })
  assert.deepEqual(apiGroup(groupVersions, 'zoo'), { kind: 'APIGroup', apiVersion: 'v1', ...zoo })
  assert.equal(apiGroup(groupVersions, 'circus'), undefined)
})

test('a version lists its kinds and their subresources; what lives elsewhere says where', () => {
  const resources = (group: string, version: string) =>
    apiResourceList(groupVersions.find((one) => one.group === group && one.version === version)!).resources
  assert.deepEqual(resources('', 'v1'), [
    { name: 'pods', singularName: 'pod', namespaced: true, kind: 'Pod', verbs: ALL, shortNames: ['po'], categories: ['all'] },
    { name: 'pods/eviction', singularName: '', namespaced: true, group: 'policy', version: 'v1', kind: 'Eviction', verbs: ['create'] },
    { name: 'pods/log', singularName: '', namespaced: true, kind: 'Pod', verbs: ['get'] },
    { name: 'nodes', singularName: 'node', namespaced: false, kind: 'Node', verbs: ['get'] },
  ])
  assert.deepEqual(
    (resources('zoo', 'v1') as { name: string; group?: string; kind: string }[]).map(({ name, group, kind }) => [name, group, kind]),
    [
      ['cages', undefined, 'Cage'],
      ['cages/scale', 'autoscaling', 'Scale'],
      ['cages/status', undefined, 'Cage'],
    ],
  )
})

test('the aggregated form holds everything of its part', () => {
  const core = aggregatedDiscovery(groupVersions, 'core', 'v2') as {
    apiVersion: string
    items: { metadata: { name: string }; versions: { version: string; freshness: string; resources: object[] }[] }[]
  }
  assert.equal(core.apiVersion, 'apidiscovery.k8s.io/v2')
  assert.deepEqual(
    core.items.map(({ metadata }) => metadata.name),
    [''],
  )
  assert.deepEqual(core.items[0]!.versions[0]!.resources[0], {
    resource: 'pods',
    responseKind: { group: '', version: 'v1', kind: 'Pod' },
    scope: 'Namespaced',
    singularResource: 'pod',
    verbs: ALL,
    shortNames: ['po'],
    categories: ['all'],
    subresources: [
      { subresource: 'eviction', responseKind: { group: 'policy', version: 'v1', kind: 'Eviction' }, verbs: ['create'] },
      { subresource: 'log', responseKind: { group: '', version: 'v1', kind: 'Pod' }, verbs: ['get'] },
    ],
  })
  const named = aggregatedDiscovery(groupVersions, 'named', 'v2beta1') as typeof core
  assert.deepEqual(
    named.items.map(({ metadata, versions }) => [metadata.name, versions.map(({ version }) => version)]),
    [['zoo', ['v1', 'v1beta1']]],
  )
})

test('versions are ordered as Kubernetes orders them', () => {
  const versions = ['foo10', 'v1', 'v11alpha2', 'v3beta1', 'v10', 'v2', 'v12alpha1', 'foo1', 'v10beta3', 'v11beta2', 'v11alpha1']
  assert.deepEqual(versions.sort(compareVersions), [
    'v10',
    'v2',
    'v1',
    'v11beta2',
    'v10beta3',
    'v3beta1',
    'v12alpha1',
    'v11alpha2',
    'v11alpha1',
    'foo1',
    'foo10',
  ])
})
