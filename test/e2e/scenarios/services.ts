import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Pod } from '@bramble/api/types/pod'
import { type Cluster, NODES, type NodeName, OUTSIDE } from '../cluster.ts'
import { deployment, FOR_EVER, hello, namespace, pod, script, service } from '../manifests.ts'
import { answers, clusterIp, endpoints, ownRules, spawnInPod } from './workloads.ts'

const SPACE = 'services'
const UDP_PORT = 5300
const TRIES = 12

const echo = (name: string, node: NodeName) =>
  pod(SPACE, name, [script(FOR_EVER, { ports: [{ name: 'udp', containerPort: UDP_PORT, protocol: 'UDP' }] })], {
    nodeSelector: { 'kubernetes.io/hostname': node },
  })
/** Answers each datagram with a word; asks with one, always from the same port: the kernel takes all of them for one connection. */
const ANSWER = `const socket = require('dgram').createSocket('udp4').on('message', (text, { port, address }) => socket.send(process.argv[1], port, address)).bind(${UDP_PORT})`
const ASK = `const socket = require('dgram').createSocket('udp4').on('message', (text) => { process.stdout.write(text); process.exit() }).bind(5301)
socket.send('?', ${UDP_PORT}, process.argv[1]); setTimeout(() => process.exit(1), 700)`

export function services(cluster: () => Cluster): void {
  describe('Services', () => {
    before(() => cluster().apply(namespace(SPACE), deployment(SPACE, 'web', [hello()], { replicas: 3 })))
    after(() => cluster().delete('namespace', SPACE, '', '--timeout=40s'))

    const has = (name: string, count: number) =>
      cluster().waitFor(`${count} endpoints of ${name}`, async () => {
        const all = await endpoints(cluster(), name, SPACE)
        return all.length === count && all
      })
    const ask = async (from: NodeName, ip: string) => (await cluster().run(from, [process.execPath, '-e', ASK, ip])).stdout

    it('carry UDP, also to the next endpoint when the one before is gone', async (t) => {
      await cluster().apply(
        echo('first', 'pi-1'),
        echo('second', 'pi-2'),
        service(SPACE, 'udp', { selector: { role: 'echo' }, ports: [{ port: UDP_PORT, targetPort: 'udp', protocol: 'UDP' }] }),
      )
      await cluster().kubectl(['wait', '--for=condition=Ready', 'pod/first', 'pod/second', '--namespace', SPACE, '--timeout=20s'])
      for (const name of ['first', 'second']) {
        const answering = await spawnInPod(cluster(), await cluster().get<Pod>('pod', name, SPACE), [process.execPath, '-e', ANSWER, name])
        t.after(() => process.kill(answering.pid, 'SIGKILL'))
      }
      await cluster().kubectl(['label', 'pod', 'first', 'role=echo', '--namespace', SPACE])
      await has('udp', 1)
      const ip = await clusterIp(cluster(), 'udp', SPACE)
      await cluster().waitFor('an answer of the first', async () => (await ask('pi-3', ip)) === 'first')
      await cluster().kubectl(['label', 'pod', 'second', 'role=echo', '--namespace', SPACE])
      await has('udp', 2)
      assert.equal(await ask('pi-3', ip), 'first')
      await cluster().kubectl(['label', 'pod', 'first', 'role-', '--namespace', SPACE])
      await cluster().waitFor('an answer of the second', async () => (await ask('pi-3', ip)) === 'second', 10_000)
    })

    it('with session affinity lead a client to the same pod', async () => {
      await cluster().apply(service(SPACE, 'sticky', { selector: { app: 'web' }, sessionAffinity: 'ClientIP' }))
      await has('sticky', 3)
      const ip = await clusterIp(cluster(), 'sticky', SPACE)
      for (const node of NODES) {
        await cluster().waitFor(`an answer on ${node}`, () => cluster().curl(node, `http://${ip}/`))
        const all = await answers(cluster(), node, `http://${ip}/`, TRIES)
        assert.equal(all.length, TRIES)
        assert.equal(new Set(all.map((answer) => answer.pod)).size, 1, `from ${node}`)
      }
    })

    it('come back by themselves when the firewall was flushed', async () => {
      await cluster().apply(service(SPACE, 'web', { type: 'NodePort', ports: [{ port: 80, targetPort: 'http', nodePort: 30090 }] }))
      await has('web', 3)
      const url = `http://${cluster().ip('pi-2')}:30090/`
      await cluster().waitFor('an answer', () => cluster().curl(OUTSIDE, url))
      const before = await cluster().firewall('pi-2')
      assert.match(before, /bramble/i)
      // a rule of nobody tells that all were gone: ours may be back before anybody has looked
      await cluster().shell('pi-2', 'iptables -t nat -A PREROUTING -m comment --comment witness -j RETURN')
      await cluster().shell('pi-2', 'for table in nat filter mangle; do iptables -t $table -F; iptables -t $table -X; done; true')
      assert.doesNotMatch(await cluster().firewall('pi-2'), /witness/)
      await cluster().waitFor('an answer again', () => cluster().curl(OUTSIDE, url, 1), 60_000)
      await cluster().waitFor('the same rules', async () => ownRules(await cluster().firewall('pi-2')) === ownRules(before), 10_000)
    })

    it('with externalTrafficPolicy Local keep the address of the client and use local pods only', async () => {
      await cluster().apply(
        pod(SPACE, 'local', [hello()], { nodeSelector: { 'kubernetes.io/hostname': 'pi-3' } }),
        service(SPACE, 'local', {
          type: 'NodePort',
          externalTrafficPolicy: 'Local',
          ports: [{ port: 80, targetPort: 'http', nodePort: 30091 }],
        }),
      )
      await has('local', 1)
      await cluster().waitFor('an answer', () => cluster().curl(OUTSIDE, `http://${cluster().ip('pi-3')}:30091/`))
      const [answer] = await answers(cluster(), OUTSIDE, `http://${cluster().ip('pi-3')}:30091/`, 1)
      assert.equal(answer!.client, cluster().ip(OUTSIDE))
      await assert.rejects(cluster().curl(OUTSIDE, `http://${cluster().ip('pi-1')}:30091/`, 1))
    })

    it('without a cluster IP, with another port and with several ports do what they say', async () => {
      await cluster().apply(
        service(SPACE, 'headless', { selector: { app: 'web' }, clusterIP: 'None' }),
        service(SPACE, 'several', {
          selector: { app: 'web' },
          ports: [
            { name: 'a', port: 8001, targetPort: 8080 },
            { name: 'b', port: 8002, targetPort: 'http' },
          ],
        }),
      )
      await has('several', 3)
      await has('headless', 3)
      const ip = await clusterIp(cluster(), 'several', SPACE)
      for (const port of [8001, 8002]) await cluster().waitFor(`port ${port}`, () => cluster().curl('pi-1', `http://${ip}:${port}/`))
      assert.equal(await clusterIp(cluster(), 'headless', SPACE), 'None')
    })

    it('stay away from pods that leave', async () => {
      await cluster().apply(
        deployment(
          SPACE,
          'slow',
          [script(`trap 'sleep 3; exit 0' TERM; ${FOR_EVER}`, { ports: [{ name: 'http', containerPort: 8080 }] })],
          { replicas: 1 },
        ),
        service(SPACE, 'slow'),
      )
      await has('slow', 1)
      const [slow] = await cluster().list<Pod>('pods', SPACE, 'app=slow')
      await cluster().delete('pod', slow!.metadata.name, SPACE, '--wait=false')
      await cluster().waitFor(
        'its endpoint to go before it does',
        async () =>
          !(await endpoints(cluster(), 'slow', SPACE)).includes(slow!.status!.podIP!) &&
          (await cluster().get<Pod>('pod', slow!.metadata.name, SPACE)).metadata.deletionTimestamp !== undefined,
        2_500,
      )
    })
  })
}
