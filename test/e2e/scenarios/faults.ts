import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { conditionOf } from '@bramble/api/conditions'
import type { Node } from '@bramble/api/types/node'
import type { Pod } from '@bramble/api/types/pod'
import { type Cluster, CONTROL_PLANE, HELLO_2_IMAGE, NODES, type NodeName, OUTSIDE } from '../cluster.ts'
import { answersIn } from '../manifests.ts'
import { answers, endpoints, NODE_PORT, ownRules, REPLICAS, SHOP } from './workloads.ts'

/** Less than the 15 s after which a silent node is lost. */
const NOT_READY_MS_MAX = 10_000

export function faults(cluster: () => Cluster): void {
  const podsOn = async (node: NodeName): Promise<readonly Pod[]> =>
    (await cluster().list<Pod>('pods', SHOP)).filter(({ spec }) => spec.nodeName === node)
  const addressesOn = async (node: NodeName): Promise<readonly string[]> => (await podsOn(node)).map(({ status }) => status!.podIP!)
  const isReady = async (node: NodeName): Promise<boolean> =>
    conditionOf((await cluster().get<Node>('node', node, '')).status?.conditions, 'Ready')?.status === 'True'
  const everyReplica = () => cluster().waitFor('all endpoints', async () => (await endpoints(cluster())).length === REPLICAS)

  describe('kill -9 of an agent', () => {
    let containers: Readonly<Record<string, string>>
    let addresses: readonly string[]
    before(async () => {
      await everyReplica()
      containers = await cluster().containers('pi-2')
      addresses = await addressesOn('pi-2')
      assert.ok(addresses.length >= 3)
    })

    it('shows the node NotReady by its broken link, long before it would count as silent', async () => {
      await cluster().kill('pi-2')
      await cluster().waitFor('pi-2 to be NotReady', async () => !(await isReady('pi-2')), NOT_READY_MS_MAX)
    })

    it('withdraws its endpoints from the slices and from the rules of every other node', async () => {
      await cluster().waitFor('the slices to be without pi-2', async () =>
        (await endpoints(cluster())).every((address) => !addresses.includes(address)),
      )
      for (const node of ['pi-1', 'pi-3'] as const)
        await cluster().waitFor(`the rules of ${node} to be without pi-2`, async () => {
          const rules = await cluster().firewall(node)
          return addresses.every((address) => !rules.includes(`${address}:`))
        })
      const seen = await answers(cluster(), OUTSIDE, `http://${cluster().ip('pi-1')}:${NODE_PORT}/`, 30)
      assert.equal(seen.length, 30)
      assert.deepEqual(
        seen.filter(({ node }) => node === 'pi-2'),
        [],
      )
    })

    it('leaves its containers running and serving', async () => {
      assert.deepEqual(await cluster().containers('pi-2'), containers)
      for (const address of addresses) assert.match(await cluster().curl('pi-1', `http://${address}:8080/`), /on node pi-2/)
    })

    it('ends when the agent is back: same containers, Ready, endpoints again', async () => {
      await cluster().startAgent('pi-2')
      await cluster().waitFor('pi-2 to be Ready', () => isReady('pi-2'))
      await everyReplica()
      assert.deepEqual(await cluster().containers('pi-2'), containers)
      assert.deepEqual([...(await addressesOn('pi-2'))].sort(), [...addresses].sort())
      for (const { status } of await podsOn('pi-2'))
        for (const container of status!.containerStatuses!) assert.equal(container.restartCount, 0)
    })
  })

  describe('kill -9 of the control plane', () => {
    it('during a rollout: Services go on, and the rollout finishes after the restart', async () => {
      await cluster().kubectl(['set', 'image', 'deployment/web', `hello=${HELLO_2_IMAGE}`, '--namespace', SHOP])
      const images = async () => (await cluster().list<Pod>('pods', SHOP, 'app=web')).map(({ spec }) => spec.containers[0]!.image)
      await cluster().waitFor('the first new pod', async () => (await images()).includes(HELLO_2_IMAGE))
      await cluster().kill(CONTROL_PLANE)
      assert.equal(answersIn(await cluster().curl(OUTSIDE, `http://${cluster().ip('pi-3')}:${NODE_PORT}/`)).length, 1)
      await cluster().startControlPlane()
      assert.match(
        await cluster().kubectl(['rollout', 'status', 'deployment/web', '--namespace', SHOP, '--timeout=60s']),
        /successfully rolled out/,
      )
      await cluster().waitFor('only new pods', async () => {
        const all = await images()
        return all.length === REPLICAS && all.every((image) => image === HELLO_2_IMAGE)
      })
      await everyReplica()
      await cluster().waitFor('every node to be Ready', async () => (await cluster().readyNodes()).length === NODES.length)
    })

    it('loses nothing that was acknowledged', async () => {
      await cluster().kubectl(['create', 'configmap', 'kept', '--from-literal=word=kept', '--namespace', SHOP])
      await cluster().kill(CONTROL_PLANE)
      await cluster().startControlPlane()
      assert.equal(await cluster().kubectl(['get', 'configmap', 'kept', '--namespace', SHOP, '--output=jsonpath={.data.word}']), 'kept')
      // leases are not kept: whoever has one has connected since
      await cluster().waitFor(
        'every node to be connected again',
        async () => (await cluster().list('leases', 'kube-node-lease')).length === NODES.length,
      )
    })
  })

  describe('a node whose cable is cut', () => {
    const running = async (node: NodeName) => Object.keys(await cluster().containers(node))
    const reported = async (node: NodeName): Promise<readonly string[]> =>
      (await podsOn(node))
        .flatMap(({ status }) => status!.containerStatuses!.map(({ containerID }) => containerID!.replace('podman://', '')))
        .sort()
    const inStep = (node: NodeName) =>
      cluster().waitFor(`the statuses of ${node} to arrive`, async () => {
        const own = Object.values(await cluster().containers(node)).sort()
        return JSON.stringify(await reported(node)) === JSON.stringify(own)
      })

    /** A burst of changes is written once: nothing was written for longer than that takes, so nothing is left to write. */
    const isSaved = async (node: NodeName): Promise<boolean> =>
      (await cluster().shell(node, 'find /var/lib/bramble/agent/assigned.json -not -newermt "3 seconds ago"')) !== ''

    it('starts its pods from the saved assignment when the agent is restarted', async () => {
      await inStep('pi-3')
      const wanted = await running('pi-3')
      await cluster().cutLink('pi-3')
      await cluster().waitFor('pi-3 to be NotReady', async () => !(await isReady('pi-3')))
      await cluster().kill('pi-3')
      await cluster().run('pi-3', ['podman', 'rm', '--force', '--all', '--time', '0'])
      assert.deepEqual(await running('pi-3'), [])
      await cluster().startAgent('pi-3')
      await cluster().waitFor('as many containers as before', async () => (await running('pi-3')).length === wanted.length)
    })

    it('tells what happened when the cable is back', async () => {
      await cluster().joinLink('pi-3')
      await cluster().waitFor('pi-3 to be Ready', () => isReady('pi-3'), 60_000)
      await inStep('pi-3')
      await everyReplica()
    })

    it('starts its pods and its Service rules after a power cut', async () => {
      const wanted = await running('pi-3')
      await cluster().waitFor('the assignment to be saved as it is', () => isSaved('pi-3'))
      const rules = ownRules(await cluster().firewall('pi-3'))
      await cluster().powerCut('pi-3')
      await cluster().waitFor('pi-3 to be NotReady', async () => !(await isReady('pi-3')), 40_000)
      await cluster().boot('pi-3', { cut: true })
      await cluster().waitFor('as many containers as before', async () => (await running('pi-3')).length === wanted.length, 60_000)
      await cluster().waitFor('the rules from before', async () => ownRules(await cluster().firewall('pi-3')) === rules)
      assert.equal(await isReady('pi-3'), false)
      // its rules still name pods of the others as well, who cannot be reached: some tries are lost
      await cluster().waitFor('a Service to answer with a pod of the lonely node', async () =>
        /on node pi-3/.test(
          await cluster()
            .curl('pi-3', `http://${cluster().ip('pi-3')}:${NODE_PORT}/`, 1)
            .catch(() => ''),
        ),
      )
    })

    it('joins again by itself', async () => {
      await cluster().joinLink('pi-3')
      await cluster().waitFor('pi-3 to be Ready', () => isReady('pi-3'), 60_000)
      await inStep('pi-3')
      await everyReplica()
      for (const { status } of await podsOn('pi-3')) for (const { restartCount } of status!.containerStatuses!) assert.ok(restartCount >= 1)
    })
  })
}
