import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type Cluster, NODES } from '../cluster.ts'
import type { Kubectl } from '../kubectl.ts'
import { FOR_EVER, namespace, pod, script } from '../manifests.ts'

const SPACE = 'measured'
const NODE = 'pi-3'
const HELD_MIB = 32
/** The machine of the test is busy with much else: less may be had, more may not. */
const BUSY_MILLIS_MIN = 20
const BUSY_MILLIS_LIMIT = 200
const BUSY_MILLIS_MAX = 240
/** A look each minute, the second one after 15 s. */
const TOLD_MS_MAX = 150_000

interface Stats {
  readonly name: string
  readonly cpu: { readonly usageCoreNanoSeconds: number; readonly usageNanoCores?: number }
  readonly memory: { readonly workingSetBytes: number }
}
interface Summary {
  readonly node: Stats & { readonly nodeName: string; readonly fs: { readonly capacityBytes: number } }
  readonly pods: readonly {
    readonly podRef: { readonly name: string; readonly namespace: string }
    readonly containers: readonly (Stats & { readonly rootfs: { readonly usedBytes: number } })[]
    readonly network?: { readonly name: string }
    readonly volume: readonly { readonly name: string; readonly usedBytes: number }[]
  }[]
}

export function metrics(cluster: () => Cluster, kubectls: readonly Kubectl[]): void {
  describe('what pods and nodes use', () => {
    before(async () => {
      const busy = script('while :; do :; done', { name: 'busy', resources: { limits: { cpu: `${BUSY_MILLIS_LIMIT}m` } } })
      const holder = script(`dd if=/dev/zero of=/dev/shm/held bs=1M count=${HELD_MIB}\n${FOR_EVER}`, { name: 'holder' })
      const writer = script(`dd if=/dev/zero of=/scratch/file bs=1M count=2\n${FOR_EVER}`, {
        name: 'writer',
        volumeMounts: [{ name: 'scratch', mountPath: '/scratch' }],
      })
      const more = { nodeName: NODE, volumes: [{ name: 'scratch', emptyDir: {} }] }
      await cluster().apply(namespace(SPACE), pod(SPACE, 'worker', [busy, holder, writer], more))
      await cluster().kubectl(['wait', '--for=condition=Ready', 'pod/worker', '--namespace', SPACE, '--timeout=40s'])
    })
    after(() => cluster().delete('namespace', SPACE, '', '--timeout=40s'))

    const page = (path: string): Promise<string> => cluster().kubectl(['get', '--raw', `/api/v1/nodes/${NODE}/proxy/${path}`])

    for (const kubectl of kubectls) {
      it(`kubectl ${kubectl.version} top pods --containers shows who is busy and who holds memory`, async () => {
        const rows = await cluster().waitFor(
          'the use of all containers',
          async () => {
            const { stdout } = await cluster().kubectlResult(['top', 'pods', '--containers', '--no-headers', '--namespace', SPACE], {
              with: kubectl,
            })
            const found = stdout
              .trim()
              .split('\n')
              .map((line) => line.split(/\s+/))
            return (
              found.length === 3 &&
              new Map(
                found.map(([, name, cpu, memory]) => [name, { cpu: Number.parseInt(cpu!, 10), memory: Number.parseInt(memory!, 10) }]),
              )
            )
          },
          TOLD_MS_MAX,
        )
        const [busy, holder] = [rows.get('busy')!, rows.get('holder')!]
        assert.ok(busy.cpu >= BUSY_MILLIS_MIN && busy.cpu <= BUSY_MILLIS_MAX, `${busy.cpu}m`)
        assert.ok(holder.memory >= HELD_MIB && holder.memory < HELD_MIB * 1.25, `${holder.memory}Mi`)
        assert.ok(busy.memory < HELD_MIB, `${busy.memory}Mi`)
      })

      it(`kubectl ${kubectl.version} top nodes shows every node`, async () => {
        const { stdout } = await cluster().kubectlResult(['top', 'nodes', '--no-headers'], { with: kubectl })
        const names = stdout
          .trim()
          .split('\n')
          .map((line) => line.split(/\s+/)[0])
        assert.deepEqual(names.sort(), [...NODES])
      })
    }

    it('/stats/summary comes through the API', async () => {
      const summary = JSON.parse(await page('stats/summary')) as Summary
      assert.equal(summary.node.nodeName, NODE)
      assert.ok(summary.node.fs.capacityBytes > 0 && summary.node.memory.workingSetBytes > 0)
      const worker = summary.pods.find(({ podRef }) => podRef.namespace === SPACE)!
      const of = (name: string) => worker.containers.find((container) => container.name === name)!
      assert.ok(of('busy').cpu.usageNanoCores! <= BUSY_MILLIS_MAX * 1e6 && of('busy').cpu.usageCoreNanoSeconds > 0)
      assert.ok(of('holder').memory.workingSetBytes >= HELD_MIB * 2 ** 20)
      assert.equal(worker.network?.name, 'eth0')
      assert.ok(worker.volume.find(({ name }) => name === 'scratch')!.usedBytes >= 2 * 2 ** 20)
    })

    it('/metrics/cadvisor and /metrics/resource come through the API', async () => {
      const [cadvisor, resource] = [await page('metrics/cadvisor'), await page('metrics/resource')]
      const workingSet = (text: string): number =>
        Number(
          text
            .split('\n')
            .find((line) => /^container_memory_working_set_bytes\{.*container="holder"/.test(line))
            ?.split(' ')
            .at(-1),
        )
      for (const text of [cadvisor, resource]) assert.ok(workingSet(text) >= HELD_MIB * 2 ** 20, String(workingSet(text)))
      assert.match(
        cadvisor,
        /^container_network_receive_bytes_total\{container="",.*namespace="measured",pod="worker",interface="eth0"\} [1-9]/m,
      )
      assert.match(cadvisor, /^container_cpu_cfs_throttled_periods_total\{container="busy",.*\} [1-9]/m)
      assert.match(cadvisor, /^container_spec_memory_limit_bytes\{container="busy",.*\} 0$/m)
      assert.match(resource, /^resource_scrape_error 0$/m)
    })

    it('/metrics tells of the agent itself', async () => {
      const text = await page('metrics')
      assert.match(text, /^kubelet_node_name\{node="pi-3"\} 1$/m)
      assert.match(text, /^kubelet_runtime_operations_total\{operation_type="start_container"\} [1-9]/m)
      assert.match(text, /^bramble_link_connected 1$/m)
      assert.match(text, /^bramble_link_sent_bytes_total [1-9]/m)
    })

    it('a pod that has gone is not shown any more', async () => {
      await cluster().delete('pod', 'worker', SPACE, '--timeout=40s')
      await cluster().waitFor('its use to be gone', async () => {
        const { stderr } = await cluster().kubectlResult(['top', 'pods', '--namespace', SPACE], { exitCodes: 'any' })
        return /No resources found/.test(stderr)
      })
    })
  })
}
