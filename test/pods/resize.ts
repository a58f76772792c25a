import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { Pod } from '@bramble/api/types/pod'
import type { Cluster } from '../e2e/cluster.ts'
import { FOR_EVER, pod, script } from '../e2e/manifests.ts'
import { onNodeOf, type RuntimeUnderTest } from './runtimes.ts'

/** Hundredths of a processor and bytes, with either version of cgroups. */
const LIMITS = `if [ -e /sys/fs/cgroup/cpu.max ]; then cut -d ' ' -f 1 /sys/fs/cgroup/cpu.max; cat /sys/fs/cgroup/memory.max
else cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/memory/memory.limit_in_bytes; fi`
const MIB = 1 << 20
const sized = (cpu: string, memory: string) => ({ requests: { cpu: '10m', memory: '16Mi' }, limits: { cpu, memory } })

/** With the newest kubectl: the oldest does not know how. */
export function resize(cluster: () => Cluster, { name: runtime }: RuntimeUnderTest): void {
  it('a pod that runs gets other limits without a restart', async () => {
    const kubectl = (...args: readonly string[]) => cluster().kubectl(['--namespace', runtime, ...args])
    const limits = async () => (await kubectl('exec', 'resized', '--', 'sh', '-c', LIMITS)).trim().split('\n').map(Number)
    try {
      await cluster().apply(pod(runtime, 'resized', [script(FOR_EVER, { resources: sized('200m', '64Mi') })], onNodeOf(runtime)))
      await kubectl('wait', '--for=condition=Ready', 'pod/resized', '--timeout=50s')
      // kubectl discards what comes before it has made its streams ("Unknown stream id 1"), once in some 1700 times
      await cluster().waitFor('its limits', async () => (await limits()).join() === [20_000, 64 * MIB].join())
      const spec = { containers: [{ name: 'main', resources: sized('300m', '96Mi') }] }
      await kubectl('patch', 'pod', 'resized', '--subresource=resize', `--patch=${JSON.stringify({ spec })}`)
      await cluster().waitFor('the new limits', async () => (await limits()).join() === [30_000, 96 * MIB].join())
      const status = await cluster().waitFor('its status', async () => {
        const [container] = (await cluster().get<Pod>('pod', 'resized', runtime)).status?.containerStatuses ?? []
        return container?.resources?.limits?.['memory'] === '96Mi' && container
      })
      assert.deepEqual([status.restartCount, status.resources], [0, sized('300m', '96Mi')])
    } finally {
      await kubectl('delete', 'pod', 'resized', '--ignore-not-found', '--grace-period=1', '--wait=false')
    }
  })
}
