import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { isConditionTrue } from '@bramble/api/conditions'
import type { Pod } from '@bramble/api/types/pod'
import { type Cluster, CONTROL_PLANE, createCluster, HELLO_2_IMAGE, type NodeName } from '../e2e/cluster.ts'

const skip = process.getuid?.() === 0 ? false : 'needs root for namespaces'
const DATA = '/var/lib/bramble'

/** Makes a host a board of its own: its kernel tells a serial. */
const giveSerial = (cluster: Cluster, node: NodeName, serial: string): Promise<string> =>
  cluster.shell(
    node,
    `(cat /proc/cpuinfo; printf 'Serial\\t\\t: ${serial}\\n') >/run/cpuinfo && mount --bind /run/cpuinfo /proc/cpuinfo && echo ${serial}${serial} >/run/machine-id && mount --bind /run/machine-id /etc/machine-id`,
  )

// A board whose card is flashed again, and the card that it had before, in somebody else's board.
describe('a board with a new card', { skip, timeout: 300_000 }, () => {
  let cluster: Cluster
  let first: string | undefined
  before(async () => {
    cluster = await createCluster({ name: 'brt-readopt', join: 0 })
    await giveSerial(cluster, 'pi-1', '10000000aaaaaaaa')
    await giveSerial(cluster, 'pi-2', '10000000bbbbbbbb')
  })
  after(() => cluster?.down())

  const isRunning = async (): Promise<string | undefined> => {
    const pod = await cluster.get<Pod>('pod', 'hello')
    return isConditionTrue(pod.status?.conditions, 'Ready') ? pod.status?.containerStatuses?.[0]?.containerID : undefined
  }

  it('runs a pod at first', async () => {
    await cluster.startAgent('pi-1', await cluster.joinArguments('pi-1'))
    const spec = { nodeName: 'pi-1', containers: [{ name: 'hello', image: HELLO_2_IMAGE, imagePullPolicy: 'Never' }] }
    await cluster.apply({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'hello' }, spec })
    first = await cluster.waitFor('the pod to run', isRunning, 90_000)
    const { stdout } = await cluster.bramble(CONTROL_PLANE, ['node', 'list'])
    assert.match(stdout, /^pi-1 +Ready +\S+ +10000000aaaaaaaa /m)
  })

  it('waits for an operator, and has its pods anew', async () => {
    await cluster.stop('pi-1')
    // what was on the old card goes with it; the new one has nothing
    await cluster.shell('pi-1', `podman rm --all --force --time 0 >/dev/null; tar -C ${DATA} -cf /tmp/old-card.tar . && rm -rf ${DATA}/*`)
    await cluster.startAgent('pi-1', await cluster.joinArguments('pi-1'))
    await cluster.waitFor('the agent to say what it waits for', async () =>
      (await cluster.log('pi-1')).includes('bramble node approve pi-1'),
    )
    assert.match(await cluster.kubectl(['get', 'csr', '--no-headers']), /^pi-1 .*bramble\.dev\/node-enrolment .*Pending/)
    await cluster.kubectl(['certificate', 'approve', 'pi-1'])
    const now = await cluster.waitFor(
      'the pod to run again',
      async () => {
        const id = await isRunning()
        return id !== undefined && id !== first && id
      },
      120_000,
    )
    assert.notEqual(now, first)
    assert.match(await cluster.kubectl(['get', 'csr', '--no-headers']), /Approved,Issued/)
  })

  it('is not disturbed by the card that it had', async () => {
    const card = await cluster.run('pi-1', ['base64', '-w0', '/tmp/old-card.tar'])
    await cluster.run('pi-2', ['sh', '-c', `mkdir -p ${DATA} && base64 -d | tar -C ${DATA} -x`], { input: card.stdout })
    await cluster.startAgent('pi-2')
    await cluster.waitFor(
      'the old card to be refused',
      async () => (await cluster.log('pi-2')).includes("refuses this node's certificate"),
      60_000,
    )
    assert.match(await cluster.log('pi-2'), /joined as node \\"pi-1\\" on board 10000000aaaaaaaa, and is on board 10000000bbbbbbbb now/)
    assert.deepEqual(await cluster.readyNodes(), ['pi-1'])
  })
})
