import assert from 'node:assert/strict'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { MemoryMounter } from '../mounts/memory-mounter.ts'
import { CAN } from './csi-driver.fixture.ts'
import { CsiTestNode } from './csi-node.fixture.ts'

const NAME = 'test.csi.bramble.dev'
const INTERNAL = 13
const CSI = { driver: NAME, volumeHandle: 'vol-1' }

for (const method of ['NodeGetCapabilities', 'NodeStageVolume', 'NodePublishVolume', 'NodeUnpublishVolume', 'NodeUnstageVolume'])
  test(`an agent that dies at ${method} and forgets everything finds what there is to undo`, async (t) => {
    const node = await CsiTestNode.start(t, new MemoryMounter())
    const driver = await node.driver({ can: [CAN.stage] })
    node.setDriverObject(NAME, {})
    const pod = node.pod('one', node.claim('data', CSI))
    driver.failures.set(method, [INTERNAL, 'cut off'])
    const made = await node.prepare(pod).then(
      () => true,
      () => false,
    )
    if (made) await assert.rejects(node.files.removePod(pod), /rpc error: code = Internal desc = cut off/)
    await node.restartAgent(driver)
    if (made)
      await assert.rejects(
        node.files.removeUnknown(() => false),
        /cut off/,
        'it is not forgotten',
      )
    driver.failures.clear()
    await node.files.removeUnknown(() => false)
    assert.deepEqual(await node.mounted(), [])
    assert.deepEqual(await readdir(join(node.folder, 'pods/pods')).catch(() => []), [])
    assert.deepEqual(await readdir(join(node.folder, 'csi', NAME)).catch(() => []), [])
  })

test('an agent that starts anew leaves a volume alone that is whole, also while its driver is away', async (t) => {
  const node = await CsiTestNode.start(t, new MemoryMounter())
  const driver = await node.driver({ can: [CAN.stage] })
  node.setDriverObject(NAME, {})
  const pod = node.pod('one', node.claim('data', CSI))
  await node.prepare(pod)
  await driver.stop()
  await node.restartAgent()
  await node.prepare(pod)
  assert.deepEqual(driver.changes, ['NodeStageVolume', 'NodePublishVolume'])
})

test('what was unmounted behind the agent, as by a reboot, is staged and published again', async (t) => {
  const node = await CsiTestNode.start(t, new MemoryMounter())
  const driver = await node.driver({ can: [CAN.stage] })
  node.setDriverObject(NAME, {})
  const pod = node.pod('one', node.claim('data', CSI))
  await node.prepare(pod)
  const before = await node.mounted()
  for (const target of [...before].reverse()) await node.mounter.unmount(join(node.folder, target))
  await node.restartAgent(driver)
  await node.prepare(pod)
  assert.deepEqual(await node.mounted(), before)
})

test('a pod stays until the driver of its volume is back; other pods go', async (t) => {
  const node = await CsiTestNode.start(t, new MemoryMounter())
  const driver = await node.driver({ can: [CAN.stage] })
  node.setDriverObject(NAME, {})
  const pod = node.pod('one', node.claim('data', CSI))
  const other = node.pod('two', { name: 'v', emptyDir: {} })
  await node.prepare(pod)
  await node.prepare(other)
  await driver.stop()
  await node.until(() => node.plugins.find(NAME) === undefined)
  await assert.rejects(
    node.files.removeUnknown(() => false),
    /driver name test.csi.bramble.dev not found in the list of registered CSI drivers/,
  )
  assert.deepEqual(await readdir(join(node.folder, 'pods/pods')), [pod.metadata.uid])
  await driver.start()
  await node.until(() => node.plugins.find(NAME) !== undefined)
  await node.files.removeUnknown(() => false)
  assert.deepEqual(await node.mounted(), [])
})

test('a driver that hangs holds up its own volume only, also when the pod goes', async (t) => {
  const node = await CsiTestNode.start(t, new MemoryMounter())
  const driver = await node.driver()
  const other = await node.driver({ name: 'other.csi' })
  for (const { name } of [driver, other]) node.setDriverObject(name, {})
  driver.silent.add('NodePublishVolume').add('NodeUnpublishVolume')
  const stuck = node.pod('stuck', node.claim('data', CSI))
  node.isImpatient = true
  await assert.rejects(node.prepare(stuck), /driver test.csi.bramble.dev is still at work on volume vol-1/)
  node.isImpatient = false
  await node.prepare(node.pod('one', node.claim('more', { driver: 'other.csi', volumeHandle: 'vol-2' })))
  assert.deepEqual(other.changes, ['NodePublishVolume'])
  await node.files.removePod(node.pod('one', { name: 'v', emptyDir: {} }))
  node.isImpatient = true
  await assert.rejects(node.files.removePod(stuck), /still being (worked on|unpublished)/)
  driver.silent.clear()
  await driver.stop() // what it never answered fails now
  await driver.start()
})

test('a record that cannot be read keeps its volume from being removed', async (t) => {
  const node = await CsiTestNode.start(t, new MemoryMounter())
  await node.driver()
  node.setDriverObject(NAME, {})
  const pod = node.pod('one', node.claim('data', CSI))
  await node.prepare(pod)
  const folder = join(node.folder, 'pods/pods', pod.metadata.uid, 'volumes/csi/v')
  await writeFile(join(folder, 'vol_data.json'), '{"driverName"')
  await assert.rejects(node.files.removePod(pod), /vol_data.json says not which volume it is of/)
  assert.equal((await node.mounted()).length, 1)
})
