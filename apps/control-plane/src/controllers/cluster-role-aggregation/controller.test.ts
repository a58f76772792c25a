import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { ClusterRole, PolicyRule } from '@bramble/api/types/rbac'
import { clusterRoles } from '../../resources/cluster-roles.ts'
import { testBench } from '../test-bench.ts'
import { clusterRoleAggregationController } from './controller.ts'

const on = (...resources: string[]): PolicyRule => ({ verbs: ['get'], apiGroups: [''], resources })

async function bench(t: TestContext) {
  const { client, pass } = await testBench(t, [clusterRoleAggregationController])
  const make = (name: string, labels: Record<string, string>, more: Partial<ClusterRole>) =>
    client.create<ClusterRole>(clusterRoles, { metadata: { name, labels }, ...more })
  const gathering = (label: string): Partial<ClusterRole> => ({
    aggregationRule: { clusterRoleSelectors: [{ matchLabels: { [label]: 'true' } }] },
  })
  const resources = async (name: string): Promise<readonly string[]> => {
    await pass(1)
    return (client.get(clusterRoles, name)?.rules ?? []).flatMap((rule) => rule.resources ?? [])
  }
  return { client, make, gathering, resources }
}

test('a role gathers the rules of those with its label, and follows their changes', async (t) => {
  const { client, make, gathering, resources } = await bench(t)
  await make('view', {}, gathering('to-view'))
  await make('b', { 'to-view': 'true' }, { rules: [on('b')] })
  await make('a', { 'to-view': 'true' }, { rules: [on('a'), on('b')] })
  await make('c', { 'to-view': 'false' }, { rules: [on('c')] })
  assert.deepEqual(await resources('view'), ['a', 'b'], 'in the order of names, each once')
  await client.patch(clusterRoles, 'c', { metadata: { labels: { 'to-view': 'true' } } })
  assert.deepEqual(await resources('view'), ['a', 'b', 'c'])
  await client.patch(clusterRoles, 'a', { rules: [] })
  assert.deepEqual(await resources('view'), ['b', 'c'])
  await client.delete(clusterRoles, 'b')
  assert.deepEqual(await resources('view'), ['c'])
})

test('what a gathering role gathers is gathered from it', async (t) => {
  const { make, gathering, resources } = await bench(t)
  await make('admin', {}, gathering('to-admin'))
  await make('edit', { 'to-admin': 'true' }, gathering('to-edit'))
  await make('crontab-editor', { 'to-edit': 'true' }, { rules: [on('crontabs')] })
  assert.deepEqual(await resources('admin'), ['crontabs'])
})

test('rules that somebody wrote into a gathering role do not stay, those of other roles do', async (t) => {
  const { client, make, gathering, resources } = await bench(t)
  await make('view', {}, { ...gathering('to-view'), rules: [on('mine')] })
  await make('own', {}, { rules: [on('mine')] })
  assert.deepEqual(await resources('view'), [])
  assert.deepEqual(await resources('own'), ['mine'])
  const { resourceVersion } = client.get(clusterRoles, 'view')!.metadata
  await client.patch(clusterRoles, 'own', { rules: [on('other')] })
  await resources('view')
  assert.equal(client.get(clusterRoles, 'view')!.metadata.resourceVersion, resourceVersion, 'nothing to write, nothing written')
})
