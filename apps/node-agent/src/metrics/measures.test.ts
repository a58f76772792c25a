import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { containerFolders } from '../runtime/cgroups/paths.ts'
import { addFiles, cgroupFiles, madeTree } from './made-tree.fixture.ts'
import type { MeasuredPod } from './measured-pod.ts'
import { Measures, type PodReading } from './measures.ts'

const ID = 'ab12'.repeat(16)
const container = (name: string, id = ID) => ({ id, name, image: 'web:1', startedAtMs: 1000, claims: [] })
const pod = (more: Partial<MeasuredPod> = {}): MeasuredPod => ({
  uid: 'u1',
  namespace: 'shop',
  name: 'web-0',
  hostNetwork: false,
  containers: [container('main')],
  ...more,
})
const NET = 'Inter-|\n face |\n  eth0: 100 1 0 0 0 0 0 0 200 2 0 0 0 0 0 0\n'

function aNode(t: TestContext, version: 1 | 2, files: Readonly<Record<string, string>>) {
  const root = madeTree(t, { 'proc/41/net/dev': NET, 'proc/stat': 'cpu  100 0 50 1 0 0 0 0 0 0\n' })
  addFiles(join(root, 'cgroup'), files)
  const asked: string[] = []
  const measures = new Measures({
    version,
    cgroupRoot: join(root, 'cgroup'),
    procRoot: join(root, 'proc'),
    cgroupOf: async (uid) => {
      asked.push(uid)
      return uid === 'u1' ? '/bramble/pod-u1' : undefined
    },
  })
  const read = async (pods: readonly MeasuredPod[]): Promise<readonly PodReading[]> => Array.fromAsync(measures.pods(pods))
  return { root, measures, read, asked }
}

for (const version of [1, 2] as const)
  for (const name of containerFolders(ID))
    test(`cgroup v${version}: a container is found as ${name.replace(ID, '<id>')}, with the traffic of its pod`, async (t) => {
      const { read } = aNode(t, version, {
        ...cgroupFiles(version, 'bramble/pod-u1', { cpuNs: 9000, memoryBytes: 4096 }),
        ...cgroupFiles(version, `bramble/pod-u1/${name}`, { cpuNs: 5000, memoryBytes: 2048, inactiveBytes: 48, pids: [41, 42] }),
        ...cgroupFiles(version, 'bramble/pod-u1/somebody-else', { cpuNs: 1 }),
      })
      const [reading] = await read([pod()])
      assert.deepEqual([reading?.folder, reading?.usage.cpu?.usageNs], ['/bramble/pod-u1', 9000])
      assert.deepEqual(
        reading?.containers.map(({ folder, usage, pid, processes }) => [
          folder,
          usage.cpu?.usageNs,
          usage.memory?.workingSetBytes,
          pid,
          processes,
        ]),
        [[`/bramble/pod-u1/${name}`, 5000, 2000, 41, 2]],
      )
      assert.deepEqual(
        reading?.traffic.map(({ name: device, received, sent }) => [device, received.bytes, sent.bytes]),
        [['eth0', 100, 200]],
      )
    })

test('processes that the runtime put one group further down are found', async (t) => {
  const { read } = aNode(t, 2, {
    ...cgroupFiles(2, `bramble/pod-u1/libpod-${ID}.scope`, { cpuNs: 5 }),
    ...cgroupFiles(2, `bramble/pod-u1/libpod-${ID}.scope/container`, { pids: [41] }),
  })
  assert.deepEqual(
    (await read([pod()]))[0]?.containers.map(({ pid }) => pid),
    [41],
  )
})

test("traffic of a pod on the host's network is the node's, not its own", async (t) => {
  const { read } = aNode(t, 2, cgroupFiles(2, `bramble/pod-u1/${ID}`, { pids: [41] }))
  assert.deepEqual((await read([pod({ hostNetwork: true })]))[0]?.traffic, [])
})

test('pods without containers, and those whose cgroup is gone, are left out', async (t) => {
  const { read, asked } = aNode(t, 2, cgroupFiles(2, `bramble/pod-u1/${ID}`, {}))
  const readings = await read([pod({ containers: [] }), pod({ uid: 'gone' }), pod()])
  assert.deepEqual([readings.map((reading) => reading.pod.uid), asked], [['u1'], ['gone', 'u1']])
})

test('where a cgroup is is asked once, and again when it has gone', async (t) => {
  const files = cgroupFiles(2, `bramble/pod-u1/${ID}`, { cpuNs: 5000 })
  const { read, asked, root } = aNode(t, 2, files)
  await read([pod()])
  await read([pod()])
  assert.equal(asked.length, 1)
  rmSync(join(root, 'cgroup/bramble'), { recursive: true })
  assert.deepEqual(await read([pod()]).then((readings) => readings.flatMap(({ containers }) => containers)), [])
  addFiles(join(root, 'cgroup'), files)
  assert.equal((await read([pod()]))[0]?.containers.length, 1)
})

test('a container that has just gone is left out, the others are read', async (t) => {
  const { read } = aNode(t, 1, cgroupFiles(1, `bramble/pod-u1/${ID}`, { cpuNs: 5 }))
  const [reading] = await read([pod({ containers: [container('main'), container('side', 'cd34'.repeat(16))] })])
  assert.deepEqual(
    reading?.containers.map((each) => each.container.name),
    ['main'],
  )
})

test('use for kubectl top is processor time and working set of each container', async (t) => {
  const { measures } = aNode(t, 1, cgroupFiles(1, `bramble/pod-u1/${ID}`, { cpuNs: 7000, memoryBytes: 4096, inactiveBytes: 96 }))
  const [use] = await Array.fromAsync(measures.use([pod()]))
  assert.deepEqual(
    use?.containers.map(({ container: { name }, cpuNs, workingSetBytes }) => [name, cpuNs, workingSetBytes]),
    [['main', 7000, 4000]],
  )
})

test('a machine that tells nothing is all zeros, and nothing breaks', (t) => {
  const measures = new Measures({ version: 2, procRoot: madeTree(t, {}), cgroupOf: async () => undefined })
  const { userNs, memory, traffic, pressure } = measures.machine()
  assert.deepEqual([userNs, memory.totalBytes, traffic, pressure], [0, 0, [], {}])
})
