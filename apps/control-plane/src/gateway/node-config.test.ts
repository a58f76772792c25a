import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Node } from '@bramble/api/types/node'
import type { NodeConfig } from '@bramble/api/types/node-config'
import { nodes } from '../resources/node.ts'
import { harness, nodeStatus, type PlayedNode } from './gateway.fixture.ts'
import { showNodeConfig } from './node-config.ts'

const VERSION = 'bramble.dev/agent-version'
const DEADLINE = 'bramble.dev/agent-upgrade-deadline'

const specs: readonly (readonly [name: string, annotations: Record<string, string>, spec: NodeConfig['spec'] | undefined])[] = [
  ['nothing', {}, undefined],
  ['a version', { [VERSION]: '0.2.0' }, { agentVersion: '0.2.0' }],
  ['a version by a deadline', { [VERSION]: '0.2.0-rc.1', [DEADLINE]: '120' }, { agentVersion: '0.2.0-rc.1', deadlineSeconds: 120 }],
  ['a deadline for what comes by hand', { [DEADLINE]: '120' }, { deadlineSeconds: 120 }],
  ['what is no version', { [VERSION]: '../../etc', [DEADLINE]: '120' }, { deadlineSeconds: 120 }],
  ['the latest, whatever that is', { [VERSION]: 'latest' }, undefined],
  ['no time at all', { [VERSION]: '0.2.0', [DEADLINE]: '0' }, { agentVersion: '0.2.0' }],
  ['time without end', { [VERSION]: '0.2.0', [DEADLINE]: '99999999999' }, { agentVersion: '0.2.0' }],
  ['something else', { other: '0.2.0' }, undefined],
]
for (const [name, annotations, spec] of specs)
  test(`a node of which is asked ${name} is told so`, () => {
    const node: Node = { metadata: { name: 'pi-1', uid: 'u', resourceVersion: '9', creationTimestamp: '', annotations }, spec: {} }
    assert.deepEqual((showNodeConfig(node)?.object as NodeConfig | undefined)?.spec, spec)
  })

const configOf = (node: PlayedNode): NodeConfig['spec'] | undefined =>
  (node.assigned!.objects.get('NodeConfig pi-1') as NodeConfig | undefined)?.spec

async function twoNodes(t: TestContext) {
  const h = await harness(t)
  const one = await h.connect('pi-1')
  const other = await h.connect('pi-2')
  for (const node of [one, other]) await h.report(node, nodeStatus())
  await h.pass(300)
  const annotate = async (annotations: Record<string, string | null>): Promise<void> => {
    await h.client.patch(nodes, 'pi-1', { metadata: { annotations } })
    await h.pass(300)
  }
  return { h, one, other, annotate }
}

test('a node is told which version it shall run, at once, and that nobody wants one any more; others hear nothing', async (t) => {
  const { one, other, annotate } = await twoNodes(t)
  assert.equal(configOf(one), undefined)
  const before = [one.messages.length, other.messages.length]
  await annotate({ [VERSION]: '0.2.0', [DEADLINE]: '120' })
  assert.deepEqual(configOf(one), { agentVersion: '0.2.0', deadlineSeconds: 120 })
  await annotate({ [VERSION]: '0.3.0' })
  assert.deepEqual(configOf(one), { agentVersion: '0.3.0', deadlineSeconds: 120 })
  await annotate({ [VERSION]: null, [DEADLINE]: null })
  assert.equal(one.assigned!.objects.has('NodeConfig pi-1'), false)
  assert.deepEqual([one.messages.length, other.messages.length], [before[0]! + 3, before[1]!])
  assert.deepEqual(
    one.messages.slice(-3).map((message) => message.type === 'incremental' && message.upserts.length + message.removals.length),
    [1, 1, 1],
  )
})

test('what else changes about a Node is no news to its agent', async (t) => {
  const { one, annotate } = await twoNodes(t)
  await annotate({ [VERSION]: '0.2.0' })
  const before = one.messages.length
  await annotate({ 'example.com/note': 'hello' })
  assert.equal(one.messages.length, before)
})

test('after a restart of the control plane a node that knows what it shall run is told nothing', async (t) => {
  const { h, one, annotate } = await twoNodes(t)
  await annotate({ [VERSION]: '0.2.0', [DEADLINE]: '120' })
  await h.restart()
  const again = await h.connect('pi-1', one.assigned)
  assert.deepEqual(again.messages, [])
})

test('no node sees what another shall run', async (t) => {
  const { other, annotate } = await twoNodes(t)
  await annotate({ [VERSION]: '0.2.0' })
  assert.deepEqual(
    [...other.assigned!.objects.values()].filter(({ kind }) => kind === 'NodeConfig'),
    [],
  )
})
