import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryMounter } from '../mounts/memory-mounter.ts'
import type { DriverSettings } from './csi-driver.fixture.ts'
import { CsiTestNode } from './csi-node.fixture.ts'
import { pluginProblem } from './plugin-problem.ts'

test('a driver that registers is told so and reported, and it is gone with its socket', async (t) => {
  const node = await CsiTestNode.start(t, new MemoryMounter())
  await node.until(() => node.reports.length === 1)
  assert.deepEqual(node.reports.pop(), { type: 'csi-drivers', drivers: [] })
  const driver = await node.driver()
  const registered = { $typeName: 'pluginregistration.RegistrationStatus', pluginRegistered: true, error: '' }
  assert.deepEqual(driver.last('NotifyRegistrationStatus'), registered)
  await node.until(() => node.reports.length === 1)
  const facts = { name: driver.name, nodeId: 'node-7', topologyKeys: ['test/zone'], volumesMax: 12 }
  assert.deepEqual(node.reports.pop(), { type: 'csi-drivers', drivers: [facts] })
  await driver.stop()
  await node.until(() => node.reports.length === 1)
  assert.deepEqual(node.reports.pop(), { type: 'csi-drivers', drivers: [] })
})

test('an agent that starts reports drivers when all that are there have been asked', async (t) => {
  const node = await CsiTestNode.start(t, new MemoryMounter())
  const drivers = [await node.driver({ name: 'a.csi' }), await node.driver({ name: 'b.csi' })]
  await node.stopAgent()
  node.reports.length = 0
  await node.restartAgent(...drivers)
  await node.until(() => node.reports.length > 0)
  const [first] = node.reports
  assert.deepEqual(
    first?.type === 'csi-drivers' && first.drivers.map(({ name }) => name),
    drivers.map(({ name }) => name),
  )
})

test('a newer driver takes the place of an older one of its name, which comes back when the newer goes', async (t) => {
  const node = await CsiTestNode.start(t, new MemoryMounter())
  const older = await node.driver()
  const versions = (): string | undefined => node.plugins.find(older.name)?.versions.join()
  const newer = await node.driver({ file: 'newer.sock', versions: ['1.1.0'] })
  await node.until(() => versions() === '1.1.0')
  await newer.stop()
  await node.until(() => versions() === '1.0.0')
  assert.deepEqual(node.events, [])
})

test('a driver that is started anew behind its socket registers again', async (t) => {
  const node = await CsiTestNode.start(t, new MemoryMounter())
  const driver = await node.driver()
  const before = node.plugins.find(driver.name)
  await driver.stop()
  await driver.start()
  await node.until(() => ![undefined, before].includes(node.plugins.find(driver.name)))
  assert.equal(driver.calls.filter(({ method }) => method === 'NotifyRegistrationStatus').length, 2)
})

const bad: readonly { readonly name: string; readonly settings: DriverSettings; readonly words: RegExp }[] = [
  { name: 'of another type', settings: { type: 'DRAPlugin' }, words: /no handler registered for plugin type: DRAPlugin at socket/ },
  { name: 'of another version', settings: { versions: ['0.3.0', '2.0.0'] }, words: /None of the versions specified .* are supported/ },
  { name: 'without a version', settings: { versions: [] }, words: /Plugin returned an empty list for supported versions/ },
  { name: 'without a name for the node', settings: { nodeId: '' }, words: /driver node ID is empty/ },
]
for (const { name, settings, words } of bad)
  test(`a plugin ${name} is refused, and told and people told why`, async (t) => {
    const node = await CsiTestNode.start(t, new MemoryMounter())
    const driver = await node.driver(settings, false)
    await node.until(() => node.events.length > 0)
    assert.match(node.events[0]!, words)
    assert.match(String(driver.last('NotifyRegistrationStatus')?.['error']), words)
    assert.equal(node.plugins.find(driver.name), undefined)
    await node.driver({ name: 'good.csi' })
  })

const problems: readonly (readonly [
  name: string,
  plugin: Partial<Parameters<typeof pluginProblem>[1]>,
  taken: readonly string[],
  words?: RegExp,
])[] = [
  ['a usual one', {}, []],
  ['the same one again', {}, ['1.0.0']],
  ['a newer one', { supportedVersions: ['1.1.0'] }, ['1.0.0']],
  ['an older one', {}, ['1.2.0'], /already registered with a higher supported version: "1.2.0"/],
  ['a name that leads elsewhere', { name: '../../etc' }, [], /driver name "..\/..\/etc" must be/],
  ['a name that is too long', { name: 'a'.repeat(64) }, [], /must be at most 63/],
  ['no name', { name: '' }, [], /driver name "" must be/],
  ['an endpoint elsewhere', { endpoint: 'tcp://192.0.2.1:1' }, [], /endpoint must be the path of a socket/],
]
for (const [name, plugin, taken, words] of problems)
  test(`plugin: ${name}`, () => {
    const usual = { type: 'CSIPlugin', name: 'a.csi', endpoint: '/a.sock', supportedVersions: ['1.0.0'] }
    const problem = pluginProblem('/a-reg.sock', { ...usual, ...plugin }, taken)
    if (words) assert.match(problem ?? '', words)
    else assert.equal(problem, undefined)
  })
