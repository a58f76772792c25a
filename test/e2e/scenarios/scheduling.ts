import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { conditionOf } from '@bramble/api/conditions'
import type { Pod } from '@bramble/api/types/pod'
import type { Cluster } from '../cluster.ts'
import { FOR_EVER, namespace, pod, script } from '../manifests.ts'

const SPACE = 'placing'

export function scheduling(cluster: () => Cluster): void {
  describe('a pod with nodeSelector disktype: ssd', () => {
    before(() => cluster().apply(namespace(SPACE)))
    after(() => cluster().delete('namespace', SPACE, '', '--timeout=40s'))

    const find = () => cluster().get<Pod>('pod', 'fast', SPACE)

    it('is Pending and says why, in its condition and in an Event', async () => {
      await cluster().kubectl(['label', 'nodes', '--all', 'disktype=hdd', '--overwrite'])
      await cluster().apply(pod(SPACE, 'fast', [script(FOR_EVER)], { nodeSelector: { disktype: 'ssd' } }))
      const reason = "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector"
      const waiting = await cluster().waitFor('the reason', async () => {
        const found = await find()
        return conditionOf(found.status?.conditions, 'PodScheduled')?.reason === 'Unschedulable' && found
      })
      assert.equal(waiting.status!.phase, 'Pending')
      assert.ok(conditionOf(waiting.status!.conditions, 'PodScheduled')!.message!.startsWith(reason))
      await cluster().waitFor('the Event', async () => {
        const described = await cluster().kubectl(['describe', 'pod', 'fast', '--namespace', SPACE])
        return described.includes('FailedScheduling') && described.includes(reason)
      })
    })

    it('runs on pi-2 as soon as that node has the label', async () => {
      await cluster().kubectl(['label', 'node', 'pi-2', 'disktype=ssd', '--overwrite'])
      await cluster().kubectl(['wait', '--for=condition=Ready', 'pod/fast', '--namespace', SPACE, '--timeout=20s'])
      assert.equal((await find()).spec.nodeName, 'pi-2')
    })

    it('goes on running when the label is gone', async () => {
      const before = await find()
      await cluster().kubectl(['label', 'node', 'pi-2', 'disktype-'])
      // what follows the label on its way to the node has come through
      await cluster().apply(pod(SPACE, 'later', [script(FOR_EVER)], { nodeSelector: { 'kubernetes.io/hostname': 'pi-2' } }))
      await cluster().kubectl(['wait', '--for=condition=Ready', 'pod/later', '--namespace', SPACE, '--timeout=20s'])
      const later = await find()
      assert.equal(later.status!.phase, 'Running')
      assert.equal(later.status!.containerStatuses![0]!.containerID, before.status!.containerStatuses![0]!.containerID)
      assert.ok(
        Object.values(await cluster().containers('pi-2')).includes(
          before.status!.containerStatuses![0]!.containerID!.replace('podman://', ''),
        ),
      )
    })

    it('a cordoned node gets no pods', async () => {
      await cluster().kubectl(['cordon', 'pi-1'])
      await cluster().apply(pod(SPACE, 'kept-away', [script(FOR_EVER)], { nodeSelector: { 'kubernetes.io/hostname': 'pi-1' } }))
      const unschedulable = () =>
        cluster().waitFor('the reason', async () => {
          const found = await cluster().get<Pod>('pod', 'kept-away', SPACE)
          return conditionOf(found.status?.conditions, 'PodScheduled')?.message
        })
      assert.match(await unschedulable(), /1 node\(s\) were unschedulable/)
      await cluster().kubectl(['uncordon', 'pi-1'])
      await cluster().kubectl(['wait', '--for=condition=Ready', 'pod/kept-away', '--namespace', SPACE, '--timeout=20s'])
    })
  })
}
