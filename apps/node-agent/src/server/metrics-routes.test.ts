import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { simEnv } from '@bramble/reconcile/sim/sim-env'
import { DiskMeasures } from '../metrics/disk-measures.ts'
import { addFiles, cgroupFiles, madeTree } from '../metrics/made-tree.fixture.ts'
import type { MeasuredPod } from '../metrics/measured-pod.ts'
import { Measures } from '../metrics/measures.ts'
import { PodStarts } from '../metrics/pod-starts.ts'
import { RuntimeOperations } from '../metrics/runtime-operations.ts'
import { Board } from '../node/board/board.ts'
import { boardFamilies } from '../node/board/families.ts'
import { FakeRuntime } from '../runtime/fake/fake-runtime.ts'
import { metricsRoutes } from './metrics-routes.ts'
import type { ServerAnswer } from './routes.ts'

const MIB = 2 ** 20
const PROC = {
  'proc/41/net/dev': 'Inter-|\n face |\n  eth0: 100 1 0 0 0 0 0 0 200 2 0 0 0 0 0 0\n',
  'proc/41/mountinfo': '30 22 8:1 / /data rw - ext4 /dev/root rw\n31 22 0:1 / /gone rw - nfs4 server:/ rw\n',
  'proc/41/root/data/file': 'x',
  'proc/stat': 'cpu  1000 0 500 1 0 0 0 0 0 0\nbtime 1700000000\n',
  'proc/meminfo': 'MemTotal: 1024000 kB\nMemFree: 100000 kB\nMemAvailable: 624000 kB\nAnonPages: 200000 kB\n',
  'proc/net/dev': 'Inter-|\n face |\n  wlan0: 7 1 0 0 0 0 0 0 8 1 0 0 0 0 0 0\n',
  'proc/pressure/cpu': 'some avg10=1.50 avg60=2.00 avg300=3.00 total=4000\n',
  'proc/loadavg': '0 0 0 1/321 9\n',
}

/** A node with so many pods of one busy container, and its pages. */
function aNode(t: TestContext, count = 1) {
  const env = simEnv()
  const root = madeTree(t, PROC)
  const id = (index: number): string => `${index}`.padStart(64, 'a')
  const claims = [
    { volume: 'data', claim: 'data-of-web', path: '/data' },
    { volume: 'distant', claim: 'distant', path: '/gone' },
  ]
  const pods = Array.from(
    { length: count },
    (_, index): MeasuredPod => ({
      uid: `u${index}`,
      namespace: 'shop',
      name: `web-${index}`,
      hostNetwork: false,
      acceptedAtMs: env.clock.nowMs(),
      containers: [
        { id: id(index), name: 'main', image: 'web:1', startedAtMs: env.clock.nowMs() + 3000, claims: index === 0 ? claims : [] },
      ],
    }),
  )
  for (const [index, { uid }] of pods.entries())
    addFiles(join(root, 'cgroup'), {
      ...cgroupFiles(1, `bramble/pod${uid}`, { cpuNs: 3e9, memoryBytes: 50 * MIB }),
      ...cgroupFiles(1, `bramble/pod${uid}/${id(index)}`, { cpuNs: 2e9, memoryBytes: 40 * MIB, inactiveBytes: 8 * MIB, pids: [41] }),
    })
  const measures = new Measures({
    version: 1,
    cgroupRoot: join(root, 'cgroup'),
    procRoot: join(root, 'proc'),
    cgroupOf: async (uid) => `/bramble/pod${uid}`,
  })
  const counted: string[] = []
  const runtime = {
    writableLayers: async () => pods.map((_, index) => ({ containerId: id(index), usedBytes: 12_288, inodes: 3 })),
    imageFolder: async () => root,
  }
  const foldersOf = async (podUid: string) => {
    counted.push(podUid)
    return { volumes: [{ name: 'scratch', usedBytes: 4096, inodes: 2, inMemory: false }], logBytes: 8192 }
  }
  const starts = new PodStarts(0)
  starts.look(pods)
  const operations = new RuntimeOperations(env.clock)
  const routes = metricsRoutes({
    env,
    nodeName: 'pi-1',
    cpuCount: 4,
    measures,
    disks: new DiskMeasures({ env, runtime, measures, foldersOf, dataFolder: root }),
    usage: { cpuMillis: () => 250 },
    pods: () => pods,
    nodeCpuMillis: () => 700,
    deviceName: (device) => device,
    agent: () => ({
      nodeName: 'pi-1',
      version: '0.1.0',
      pods: count,
      containers: { running: count },
      link: { connected: true, sessions: 2, waiting: 3, reported: 40, sentBytes: 500, receivedBytes: 600 },
    }),
    families: () => [starts.family(), ...operations.families(), ...boardFamilies(new Board(env.clock, root).read())],
  })
  const answer = (path: string, query = ''): Promise<ServerAnswer> =>
    routes
      .find((route) => route.path === path)!
      .handle({ segments: {}, query: new URLSearchParams(query), headers: {}, signal: new AbortController().signal })
  const parts = async (path: string, query = ''): Promise<readonly string[]> =>
    Array.fromAsync((await answer(path, query)).body as AsyncIterable<string>)
  return { env, counted, operations, parts, text: async (path: string, query = '') => (await parts(path, query)).join('') }
}

/** The value of a series that has these labels, and perhaps others. */
function value(text: string, name: string, labels: Readonly<Record<string, string>> = {}): number | undefined {
  const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
  const found = lines.find((line) => Object.entries(labels).every(([label, wanted]) => line.includes(`${label}="${wanted}"`)))
  return found === undefined ? undefined : Number(found.slice(found.lastIndexOf(' ')))
}

test('/metrics/cadvisor: rows of containers, of pods and of the node', async (t) => {
  const text = await aNode(t).text('/metrics/cadvisor')
  const cpu = 'container_cpu_usage_seconds_total'
  assert.equal(value(text, cpu, { container: 'main', pod: 'web-0', namespace: 'shop', image: 'web:1', cpu: 'total' }), 2)
  assert.equal(value(text, cpu, { container: '', pod: 'web-0', id: '/bramble/podu0' }), 3)
  assert.equal(value(text, cpu, { id: '/', pod: '' }), 15)
  assert.equal(value(text, 'container_memory_working_set_bytes', { container: 'main' }), 32 * MIB)
  assert.equal(value(text, 'container_network_receive_bytes_total', { interface: 'eth0', pod: 'web-0', container: '' }), 100)
  assert.equal(value(text, 'container_network_transmit_bytes_total', { interface: 'wlan0', id: '/' }), 8)
  assert.equal(value(text, 'container_fs_usage_bytes', { container: 'main' }), 12_288)
  assert.equal(value(text, 'machine_cpu_cores'), 4)
  assert.equal(value(text, 'machine_memory_bytes'), 1_024_000 * 1024)
  assert.equal(value(text, 'container_scrape_error'), 0)
})

test('/metrics/resource: what autoscalers read', async (t) => {
  const text = await aNode(t).text('/metrics/resource')
  assert.equal(value(text, 'node_cpu_usage_seconds_total'), 15)
  assert.equal(value(text, 'node_memory_working_set_bytes'), 400_000 * 1024)
  assert.equal(value(text, 'container_cpu_usage_seconds_total', { container: 'main', namespace: 'shop', pod: 'web-0' }), 2)
  assert.equal(value(text, 'pod_memory_working_set_bytes', { namespace: 'shop', pod: 'web-0' }), 50 * MIB)
  assert.equal(value(text, 'resource_scrape_error'), 0)
})

test('/metrics: the agent itself, what it asked the runtime for, and volumes that pods claimed', async (t) => {
  const { text, operations, env } = aNode(t)
  const runtime = operations.watch(new FakeRuntime({ clock: env.clock }))
  await runtime.observe()
  await assert.rejects(runtime.startContainer('nobody'))
  const page = await text('/metrics')
  assert.equal(value(page, 'kubelet_running_pods'), 1)
  assert.equal(value(page, 'kubelet_running_containers', { container_state: 'running' }), 1)
  assert.equal(value(page, 'kubelet_node_name', { node: 'pi-1' }), 1)
  assert.equal(value(page, 'kubelet_runtime_operations_total', { operation_type: 'list_podsandbox' }), 1)
  assert.equal(value(page, 'kubelet_runtime_operations_errors_total', { operation_type: 'start_container' }), 1)
  assert.equal(value(page, 'kubelet_pod_start_duration_seconds_sum'), 3)
  assert.ok(value(page, 'kubelet_volume_stats_capacity_bytes', { namespace: 'shop', persistentvolumeclaim: 'data-of-web' })! > 0)
  assert.equal(value(page, 'kubelet_volume_stats_capacity_bytes', { persistentvolumeclaim: 'distant' }), undefined, 'it may never answer')
  assert.deepEqual(
    ['connected', 'sessions_total', 'sent_bytes_total', 'received_bytes_total'].map((name) => value(page, `bramble_link_${name}`)),
    [1, 2, 500, 600],
  )
  assert.ok(value(page, 'process_resident_memory_bytes')! > 0)
})

test('/stats/summary: as kubelet shows it', async (t) => {
  const summary = JSON.parse(await aNode(t).text('/stats/summary'))
  const [pod] = summary.pods
  const [container] = pod.containers
  assert.deepEqual(pod.podRef, { name: 'web-0', namespace: 'shop', uid: 'u0' })
  assert.deepEqual([container.name, container.cpu.usageNanoCores, container.cpu.usageCoreNanoSeconds], ['main', 250e6, 2e9])
  assert.deepEqual([container.memory.workingSetBytes, container.rootfs.usedBytes, container.logs.usedBytes], [32 * MIB, 12_288, 8192])
  assert.deepEqual([pod.cpu.usageCoreNanoSeconds, pod.network.name, pod.network.rxBytes, pod.network.txBytes], [3e9, 'eth0', 100, 200])
  assert.deepEqual(
    pod.volume.map((volume: { name: string; pvcRef?: object }) => [volume.name, volume.pvcRef]),
    [
      ['scratch', undefined],
      ['data', { name: 'data-of-web', namespace: 'shop' }],
    ],
  )
  assert.equal(pod['ephemeral-storage'].usedBytes, 12_288 + 4096 + 8192)
  const { node } = summary
  assert.deepEqual([node.nodeName, node.cpu.usageNanoCores, node.cpu.psi.some.avg10], ['pi-1', 700e6, 1.5])
  assert.deepEqual([node.memory.workingSetBytes, node.rlimit.curproc, node.network.interfaces.length], [400_000 * 1024, 321, 1])
  assert.ok(node.fs.capacityBytes > 0 && node.runtime.imageFs.capacityBytes > 0)
})

test('only processor and memory, for who wants no more: no disk is read', async (t) => {
  const { text, counted } = aNode(t)
  const summary = JSON.parse(await text('/stats/summary', 'only_cpu_and_memory=true'))
  assert.deepEqual(Object.keys(summary.pods[0]), ['podRef', 'startTime', 'containers', 'cpu', 'memory', 'swap', 'process_stats'])
  assert.deepEqual(Object.keys(summary.node), ['nodeName', 'systemContainers', 'startTime', 'cpu', 'memory', 'swap'])
  assert.deepEqual(counted, [])
})

test('files are counted once a minute, however many ask', async (t) => {
  const { text, counted, env } = aNode(t)
  await Promise.all([text('/stats/summary'), text('/metrics/cadvisor'), text('/stats/summary')])
  assert.deepEqual(counted, ['u0'])
  await env.clock.advance(60_000)
  await text('/stats/summary')
  assert.deepEqual(counted, ['u0', 'u0'])
})

test('no page of 110 pods is ever whole in memory', async (t) => {
  const { parts } = aNode(t, 110)
  for (const path of ['/metrics/cadvisor', '/metrics/resource', '/stats/summary']) {
    const sizes = (await parts(path)).map((part) => part.length)
    assert.ok(Math.max(...sizes) < 300_000, `${path}: ${Math.max(...sizes)} of ${sizes.reduce((sum, size) => sum + size)} in one part`)
  }
})

const promtool = spawnSync('promtool', ['--version'])
for (const path of ['/metrics', '/metrics/resource', '/metrics/cadvisor'])
  test(`${path} is what Prometheus reads`, { skip: promtool.error && 'there is no promtool here' }, async (t) => {
    const input = await aNode(t, 2).text(path)
    const { stderr, stdout } = spawnSync('promtool', ['check', 'metrics'], { input, encoding: 'utf8' })
    // names are cAdvisor's and kubelet's: what promtool would have called otherwise is not ours to change
    const complaints = `${stdout}${stderr}`.split('\n').filter((line) => line !== '' && !KNOWN.test(line))
    assert.deepEqual(complaints, [])
  })
const KNOWN = /^container_(fs_inodes_total|memory_failcnt) /
