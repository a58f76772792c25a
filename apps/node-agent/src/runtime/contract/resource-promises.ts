import assert from 'node:assert/strict'
import { isAbsolute } from 'node:path'
import { stat } from 'node:fs/promises'
import { Measures } from '../../metrics/measures.ts'
import { cgroupVersion } from '../cgroups/pod-cgroups.ts'
import type { PodResources } from '../runtime.ts'
import { isRuntimeError, type PodUnderTest, type PromiseOf } from './pod-under-test.ts'

const MEMORY = ['memory.limit_in_bytes', 'memory.max'] as const
const SHARES = ['cpu.shares', 'cpu.weight'] as const
const MEBIBYTE = 1 << 20

export function resourcePromises(promise: PromiseOf): void {
  promise('what a container may use changes without a restart', async (pod) => {
    const id = await pod.start({ resources: { cpuRequestMillis: 100, cpuLimitMillis: 200, memoryLimitBytes: 64 * MEBIBYTE } })
    const before = await pod.container(id)
    await pod.harness.runtime.updateContainer(id, { cpuRequestMillis: 150, cpuLimitMillis: 300, memoryLimitBytes: 96 * MEBIBYTE })
    const after = await pod.container(id)
    assert.deepEqual([after.state, after.startedAtMs, after.pid], ['running', before.startedAtMs, before.pid])
    if (after.resources) assert.deepEqual(after.resources, { cpuRequestMillis: 150, cpuLimitMillis: 300, memoryLimitBytes: 96 * MEBIBYTE })
    if (!pod.harness.real) return
    assert.equal(await pod.cgroupFile(id, ...MEMORY), String(96 * MEBIBYTE))
    assert.match((await pod.cgroupFile(id, 'cpu.cfs_quota_us', 'cpu.max'))!, /^30000\b/)
    await pod.harness.runtime.updateContainer(id, { memoryLimitBytes: 48 * MEBIBYTE })
    assert.equal(await pod.cgroupFile(id, ...MEMORY), String(48 * MEBIBYTE), 'less is possible, too')
    assert.match((await pod.cgroupFile(id, 'cpu.cfs_quota_us', 'cpu.max'))!, /^30000\b/, 'what is not given stays')
  })
  promise('a container that does not run cannot be changed', async (pod) => {
    const id = await pod.create({})
    await assert.rejects(pod.harness.runtime.updateContainer(id, { cpuRequestMillis: 150 }), isRuntimeError('ResizeError'))
  })
  promise(
    'memory below what is in use is a ResizeError, and changes nothing',
    async (pod) => {
      const id = await pod.start({
        args: ['x=$(head -c 20000000 /dev/zero | tr "\\0" a); echo ready; sleep 600; echo $x'],
        resources: { memoryLimitBytes: 128 * MEBIBYTE },
      })
      await pod.logged(id, /ready/)
      await assert.rejects(pod.harness.runtime.updateContainer(id, { memoryLimitBytes: 4 * MEBIBYTE }), isRuntimeError('ResizeError'))
      assert.equal((await pod.container(id)).state, 'running')
      assert.equal(await pod.cgroupFile(id, ...MEMORY), String(128 * MEBIBYTE))
    },
    true,
  )
  promise(
    'a pod as a whole has its limits and its share, and they can be changed',
    async (pod) => {
      const resources: PodResources = {
        qosClass: 'Burstable',
        cpuRequestMillis: 500,
        cpuLimitMillis: 700,
        memoryLimitBytes: 100 * MEBIBYTE,
      }
      const sandboxId = await pod.sandbox({ resources })
      await pod.start({})
      assert.deepEqual(await ofPod(pod), { memory: String(100 * MEBIBYTE), quota: '70000' })
      assert.ok(['512', '20'].includes((await pod.cgroupFile(undefined, ...SHARES))!))
      await pod.harness.runtime.updateSandbox(sandboxId, { ...resources, cpuLimitMillis: 900, memoryLimitBytes: 120 * MEBIBYTE })
      assert.deepEqual(await ofPod(pod), { memory: String(120 * MEBIBYTE), quota: '90000' })
    },
    true,
  )
  for (const [qosClass, pattern] of [
    ['Guaranteed', /^\/[^/]+\/[^/]*pod[^/]*$/],
    ['Burstable', /burstable.*\/[^/]*pod[^/]*$/],
    ['BestEffort', /besteffort.*\/[^/]*pod[^/]*$/],
  ] as const)
    promise(
      `the cgroup of a ${qosClass} pod lies in that of its class`,
      async (pod) => {
        await pod.sandbox({ resources: { qosClass, cpuRequestMillis: 0 } })
        const id = await pod.start({})
        const folder = (await pod.harness.runtime.cgroupOf(pod.uid))!
        assert.match(folder, pattern)
        assert.ok(folder.includes(pod.uid) || folder.includes(pod.uid.replaceAll('-', '_')))
        assert.notEqual(await pod.cgroupFile(id, ...SHARES), undefined, "the container's is in it")
      },
      true,
    )
  promise('a pod that is not there has no cgroup', async ({ uid, harness }) => {
    assert.equal(await harness.runtime.cgroupOf(uid), undefined)
  })
  promise(
    'what a container uses is read from its cgroup, without a word with the runtime',
    async (pod) => {
      const id = await pod.start({ args: ['dd if=/dev/zero of=/dev/shm/held bs=1M count=16; echo ready; sleep 600'] })
      await pod.logged(id, /ready/)
      const measures = new Measures({ version: await cgroupVersion(), cgroupOf: (uid) => pod.harness.runtime.cgroupOf(uid) })
      const container = { id, name: 'main', image: pod.harness.image, startedAtMs: 0, claims: [] }
      const measured = { uid: pod.uid, namespace: 'default', name: 'web', hostNetwork: false, containers: [container] }
      const [reading] = await Array.fromAsync(measures.pods([measured]))
      const [own] = reading!.containers
      assert.ok(own!.usage.cpu!.usageNs > 0 && reading!.usage.cpu!.usageNs >= own!.usage.cpu!.usageNs)
      assert.ok(own!.usage.memory!.workingSetBytes >= 16 * MEBIBYTE, `${own!.usage.memory!.workingSetBytes}`)
      assert.ok(own!.processes >= 1)
      assert.ok(reading!.traffic.some(({ name }) => name === 'eth0'))
    },
    true,
  )
  promise(
    'what a container wrote is told, and where images are',
    async (pod) => {
      const id = await pod.start({ args: ['head -c 3000000 /dev/zero > /written; sync; echo done; sleep 600'] })
      await pod.logged(id, /done/)
      const bytes = async (): Promise<number> =>
        (await pod.harness.runtime.writableLayers()).find(({ containerId }) => containerId === id)?.usedBytes ?? 0
      // containerd counts every ten seconds
      await pod.until(bytes, (used) => used >= 3_000_000 && used < 4_000_000, 'counted')
      const folder = await pod.harness.runtime.imageFolder()
      assert.ok(isAbsolute(folder) && (await stat(folder)).isDirectory())
    },
    true,
  )
  promise(
    'a container that runs tells its process',
    async (pod) => {
      const id = await pod.start({ args: ['sleep 616'] })
      const { pid } = await pod.container(id)
      if (pid !== undefined) process.kill(pid, 0)
      await pod.harness.runtime.stopContainer(id, 0)
      assert.equal((await pod.exited(id)).pid, undefined)
    },
    true,
  )
}

const ofPod = async (pod: PodUnderTest): Promise<object> => ({
  memory: await pod.cgroupFile(undefined, ...MEMORY),
  quota: (await pod.cgroupFile(undefined, 'cpu.cfs_quota_us', 'cpu.max'))!.split(' ')[0],
})
