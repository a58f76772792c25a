import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod } from '@bramble/api/types/pod'
import { PodEvents } from '../pods/events.ts'
import { aContainer, aPod, PodWorld } from '../pods/pods-harness.ts'
import { PressureManager } from './manager.ts'
import type { MeasurePods, PodUse } from './pod-use.ts'
import type { NodeSignals, Signal } from './signals.ts'
import { parseThresholds } from './thresholds.ts'

const GiB = 2 ** 30
const MiB = 2 ** 20

/** A node whose memory and disk the test says. */
class PressedNode {
  readonly world = new PodWorld()
  readonly manager: PressureManager
  readonly available = new Map<Signal, number>()
  readonly use = new Map<string, Partial<PodUse>>()
  readOnly: readonly string[] = []
  images = 0
  told = 0
  readonly #stop = new AbortController()

  constructor(soft = '') {
    const { env } = this.world
    const measures: MeasurePods = {
      measure: async (pods) => pods.map(({ pod }) => ({ pod, containers: [], ...this.use.get(pod.metadata.name) })),
    }
    this.manager = new PressureManager({
      env,
      nodeName: 'pi-1',
      signals: { look: async () => this.#signals() },
      measures,
      settings: {
        thresholds: parseThresholds({ hard: 'memory.available<100Mi,nodefs.available<5%', soft, softGrace: soft && 'memory.available=1m' }),
        transitionMs: 300_000,
        softGraceMsMax: 20_000,
      },
      pods: () => this.world.reconciler,
      events: new PodEvents(env, 'pi-1', (report) => this.world.reports.push(report)),
      freeImageBytes: async () => {
        this.available.set('nodefs.available', (this.available.get('nodefs.available') ?? GiB) + this.images)
        return this.images
      },
      changed: async () => {
        this.told++
      },
    })
    void this.manager.run(this.#stop.signal)
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    await this.world.killAgent()
  }

  async assign(...pods: readonly Pod[]): Promise<void> {
    await this.world.assign(...pods)
    await this.world.pass(1_000)
  }

  reasons(): readonly (string | undefined)[] {
    return ['a', 'b', 'c'].map((name) => this.world.status(name)?.reason)
  }

  #signals(): NodeSignals {
    const signals: readonly Signal[] = ['memory.available', 'nodefs.available']
    const observations = new Map(signals.map((name) => [name, { available: this.available.get(name) ?? GiB, capacity: GiB }]))
    return { observations, imagesApart: false, readOnly: this.readOnly }
  }
}

async function pressed(t: { after(done: () => Promise<void>): void }, soft?: string): Promise<PressedNode> {
  const node = new PressedNode(soft)
  t.after(() => node.stop())
  return node
}

test('one pod at a time goes, the greediest first, until memory is not short any more', async (t) => {
  const node = await pressed(t)
  await node.assign(aPod('a'), aPod('b'), aPod('c'))
  node.use
    .set('a', { memoryBytes: 10 })
    .set('b', { memoryBytes: 30, containers: [{ name: 'main', memoryBytes: 30 }] })
    .set('c', { memoryBytes: 20 })
  node.available.set('memory.available', 50 * MiB)
  for (let looks = 0; looks < 30 && node.reasons()[1] === undefined; looks++) await node.world.pass(500)
  assert.deepEqual(node.reasons(), [undefined, 'Evicted', undefined])
  const status = node.world.status('b')!
  assert.deepEqual(
    [status.phase, status.message],
    [
      'Failed',
      'The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. ' +
        'Container main was using 30, request is 0, has larger consumption of memory. ',
    ],
  )
  assert.equal(status.conditions?.find(({ type }) => type === 'DisruptionTarget')?.reason, 'TerminationByKubelet')
  assert.ok(node.world.events().some((event) => event.startsWith('Evicted: The node was low on resource: memory.')))
  assert.ok(node.world.events().includes('EvictionThresholdMet: Attempting to reclaim memory'))
  assert.ok(node.world.events().includes('NodeHasInsufficientMemory: Node pi-1 status is now: NodeHasInsufficientMemory'))
  for (let looks = 0; looks < 20 && node.reasons()[2] === undefined; looks++) await node.world.pass(500)
  assert.deepEqual(node.reasons(), [undefined, 'Evicted', 'Evicted'])
  node.available.set('memory.available', GiB)
  await node.world.pass(60_000)
  assert.deepEqual(node.reasons(), [undefined, 'Evicted', 'Evicted'])
  assert.deepEqual(node.manager.pressures, ['MemoryPressure'])
  await node.world.pass(300_000)
  assert.deepEqual([node.manager.pressures, node.told], [[], 2])
})

test('what others depend on stays, however much it takes', async (t) => {
  const node = await pressed(t)
  await node.assign(aPod('a', { priority: 2_000_000_001 }), aPod('b'))
  node.use.set('a', { memoryBytes: 500 }).set('b', { memoryBytes: 1 })
  node.available.set('memory.available', 0)
  await node.world.pass(60_000)
  assert.deepEqual(node.reasons().slice(0, 2), [undefined, 'Evicted'])
  assert.deepEqual(node.world.running('a'), ['main'])
})

test('images that nothing needs go before pods do', async (t) => {
  const node = await pressed(t)
  await node.assign(aPod('a'))
  node.images = 900 * MiB
  node.available.set('nodefs.available', MiB)
  await node.world.pass(60_000)
  assert.deepEqual([node.reasons()[0], node.manager.pressures], [undefined, ['DiskPressure']])
  node.images = 0
  node.available.set('nodefs.available', MiB)
  await node.world.pass(12_000)
  assert.equal(node.reasons()[0], 'Evicted')
})

test('below a soft threshold a pod has time: first the grace of the threshold, then its own', async (t) => {
  const node = await pressed(t, 'memory.available<200Mi')
  await node.assign(aPod('a'))
  node.available.set('memory.available', 150 * MiB)
  await node.world.pass(50_000)
  assert.equal(node.reasons()[0], undefined)
  await node.world.pass(30_000)
  assert.equal(node.reasons()[0], 'Evicted')
})

test('a pod that comes while memory is short is turned away', async (t) => {
  const node = await pressed(t)
  node.available.set('memory.available', 50 * MiB)
  await node.world.pass(11_000)
  assert.deepEqual(node.manager.admit(aPod('a')), { reason: 'Evicted', message: 'The node had condition: [MemoryPressure]. ' })
  assert.equal(
    node.manager.admit(aPod('b', { containers: [aContainer('main', { resources: { requests: { memory: '1Mi' } } })] })),
    undefined,
  )
})

test('who writes more than it may goes, though there is room; nobody disrupted it', async (t) => {
  const node = await pressed(t)
  node.use.set('a', {
    disk: { volumes: [{ name: 'x', inMemory: false, usedBytes: 11 * MiB, inodes: 1 }], logBytes: 0, layerBytes: 0, layerInodes: 0 },
  })
  await node.assign(aPod('a', { volumes: [{ name: 'x', emptyDir: { sizeLimit: '10Mi' } }] }), aPod('b'))
  await node.world.pass(70_000)
  const { reason, message, conditions } = node.world.status('a')!
  assert.deepEqual([reason, message], ['Evicted', 'Usage of EmptyDir volume "x" exceeds the limit "10Mi". '])
  assert.equal(
    conditions?.some(({ type }) => type === 'DisruptionTarget'),
    false,
  )
  assert.deepEqual([node.reasons()[1], node.manager.pressures], [undefined, []])
})

test('a disk that has become read-only is told once, and when it is over; pods go on', async (t) => {
  const node = await pressed(t)
  await node.assign(aPod('a'))
  node.readOnly = ['/var/lib/bramble/agent']
  await node.world.pass(60_000)
  assert.deepEqual([node.told, node.world.running('a')], [1, ['main']])
  assert.ok(node.world.events().some((event) => /^FilesystemIsReadOnly: \/var\/lib\/bramble\/agent cannot be written to/.test(event)))
  node.readOnly = []
  await node.world.pass(12_000)
  assert.ok(node.world.events().some((event) => event.startsWith('FilesystemIsNotReadOnly:')))
})
