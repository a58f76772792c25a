import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import type { EndpointSlice, Service } from '@bramble/api/types/service'
import type { Pod } from '@bramble/api/types/pod'
import { type Cluster, NODES, type NodeName, OUTSIDE } from '../cluster.ts'
import type { LabProcess } from '../lab/lab.ts'
import { type Answer, answersIn, daemonSet, deployment, hello, namespace, service } from '../manifests.ts'

/** Left running: the faults strike it. */
export const SHOP = 'shop'
export const NODE_PORT = 30080
export const REPLICAS = 6
/** One of six endpoints is missed by chance once in two million runs. */
const REQUESTS = 90

export const clusterIp = async (cluster: Cluster, name = 'web', inNamespace = SHOP): Promise<string> =>
  (await cluster.get<Service>('service', name, inNamespace)).spec.clusterIP!

/** Addresses of ready endpoints, sorted. */
export async function endpoints(cluster: Cluster, name = 'web', inNamespace = SHOP): Promise<readonly string[]> {
  const slices = await cluster.list<EndpointSlice>('endpointslices', inNamespace, `kubernetes.io/service-name=${name}`)
  return slices
    .flatMap((slice) => slice.endpoints ?? [])
    .filter(({ conditions }) => conditions?.ready !== false)
    .flatMap(({ addresses }) => addresses)
    .sort()
}

/** Of what `iptables-save` printed, what is Bramble's; without counters. */
export const ownRules = (saved: string): string =>
  saved
    .split('\n')
    .filter((line) => /bramble/i.test(line))
    .map((line) => line.replace(/\[\d+:\d+\]/, ''))
    .sort()
    .join('\n')

export async function answers(
  cluster: Cluster,
  from: NodeName | typeof OUTSIDE,
  url: string,
  times = REQUESTS,
): Promise<readonly Answer[]> {
  return answersIn(await cluster.shell(from, `for i in $(seq ${times}); do curl --silent --show-error --max-time 3 ${url}; done`))
}

export function workloads(cluster: () => Cluster): void {
  describe('a DaemonSet, a Deployment of 6, a Service and a NodePort', () => {
    before(async () => {
      await cluster().apply(
        namespace(SHOP),
        daemonSet(SHOP, 'each', [hello()]),
        deployment(SHOP, 'web', [hello()], { replicas: REPLICAS }),
        service(SHOP, 'web'),
        service(SHOP, 'each'),
        service(SHOP, 'web-outside', {
          type: 'NodePort',
          selector: { app: 'web' },
          ports: [{ port: 80, targetPort: 'http', nodePort: NODE_PORT }],
        }),
      )
      for (const workload of ['deployment/web', 'daemonset/each'])
        assert.match(
          await cluster().kubectl(['rollout', 'status', workload, '--namespace', SHOP, '--timeout=90s']),
          /successfully rolled out/,
        )
      await cluster().waitFor('6 endpoints', async () => (await endpoints(cluster())).length === REPLICAS)
    })

    it('the DaemonSet has a pod on every node, the Deployment spreads its pods', async () => {
      const nodesOf = async (app: string) => (await cluster().list<Pod>('pods', SHOP, `app=${app}`)).map(({ spec }) => spec.nodeName).sort()
      assert.deepEqual(await nodesOf('each'), NODES)
      assert.deepEqual(
        await nodesOf('web'),
        NODES.flatMap((node) => [node, node]),
      )
    })

    it('every node reaches the ClusterIP, and all endpoints get traffic', async () => {
      const ip = await clusterIp(cluster())
      const expected = await endpoints(cluster())
      for (const node of NODES) {
        const all = await rulesReach(cluster(), node, `http://${ip}/`)
        assert.deepEqual([...new Set(all.map(({ podIp }) => podIp))].sort(), expected, `from ${node}`)
        assert.equal(all.length, REQUESTS, `requests of ${node} that were answered`)
      }
    })

    it('every node and the outside reach the NodePort of any node', async () => {
      const expected = await endpoints(cluster())
      for (const from of [...NODES, OUTSIDE] as const)
        for (const node of NODES) {
          const all = await answers(cluster(), from, `http://${cluster().ip(node)}:${NODE_PORT}/`, 10)
          assert.equal(all.length, 10, `from ${from} through ${node}`)
          for (const { podIp } of all) assert.ok(expected.includes(podIp))
        }
      const all = await answers(cluster(), OUTSIDE, `http://${cluster().ip('pi-1')}:${NODE_PORT}/`)
      assert.deepEqual([...new Set(all.map(({ podIp }) => podIp))].sort(), expected)
      assert.match(await cluster().curl('pi-2', `http://127.0.0.1:${NODE_PORT}/`), /^Hello from pod web-/)
    })

    it('a pod is seen with its own address, directly and through the Service, on its node and on others', async () => {
      const [from] = await cluster().list<Pod>('pods', SHOP, 'app=each')
      const own = from!.status!.podIP!
      const others = (await cluster().list<Pod>('pods', SHOP, 'app=web')).map(({ status }) => status!.podIP!)
      const direct = answersIn(
        await inPod(cluster(), from!, `for ip in ${others.join(' ')}; do curl --silent --max-time 3 http://$ip:8080/; done`),
      )
      assert.deepEqual(
        direct.map(({ podIp, client }) => [podIp, client]),
        others.map((ip) => [ip, own]),
      )
      const ip = await clusterIp(cluster())
      const through = answersIn(
        await inPod(cluster(), from!, `for i in $(seq ${REQUESTS}); do curl --silent --max-time 3 http://${ip}/; done`),
      )
      assert.equal(through.length, REQUESTS)
      assert.deepEqual([...new Set(through.map(({ client }) => client))], [own])
      assert.deepEqual([...new Set(through.map(({ podIp }) => podIp))].sort(), await endpoints(cluster()))
    })

    it('a pod reaches itself through its Service', async () => {
      const [from] = await cluster().list<Pod>('pods', SHOP, 'app=web')
      const ip = await clusterIp(cluster())
      const all = answersIn(await inPod(cluster(), from!, `for i in $(seq ${REQUESTS}); do curl --silent --max-time 3 http://${ip}/; done`))
      assert.equal(all.length, REQUESTS)
      assert.ok(all.some(({ podIp }) => podIp === from!.status!.podIP))
    })

    it('a pod reaches the API at its ClusterIP, and the outside with the address of its node', async () => {
      const [from] = await cluster().list<Pod>('pods', SHOP, 'app=each')
      const api = await clusterIp(cluster(), 'kubernetes', 'default')
      assert.equal(await inPod(cluster(), from!, `curl --silent --insecure --max-time 3 https://${api}/readyz`), 'ok')
      const server = await cluster().spawn(OUTSIDE, [process.execPath, '-e', TELL_CLIENT])
      try {
        const seen = await cluster().waitFor('the server outside to answer', () =>
          inPod(cluster(), from!, `curl --silent --fail --max-time 3 http://${cluster().ip(OUTSIDE)}:9000/`),
        )
        assert.equal(seen, cluster().ip(from!.spec.nodeName as NodeName))
      } finally {
        process.kill(server.pid, 'SIGKILL')
      }
    })

    it('a Service without endpoints refuses at once', async () => {
      await cluster().apply(service(SHOP, 'empty'))
      const ip = await clusterIp(cluster(), 'empty')
      for (const node of NODES)
        await cluster().waitFor(
          `${node} to refuse`,
          async () =>
            (await cluster().run(node, ['curl', '--silent', '--max-time', '3', `http://${ip}/`], { exitCodes: 'any' })).exitCode === 7,
        )
      await cluster().delete('service', 'empty', SHOP)
    })
  })
}

const TELL_CLIENT = `require('http').createServer((request, response) => response.end(request.socket.remoteAddress.replace('::ffff:', ''))).listen(9000)`

/** Rules follow endpoints a moment later. */
const rulesReach = async (cluster: Cluster, node: NodeName, url: string): Promise<readonly Answer[]> => {
  await cluster.waitFor(`${url} to answer on ${node}`, async () => (await cluster.curl(node, url)) !== '')
  return answers(cluster, node, url)
}

/** Runs a script of the machine in the pod's network. */
export async function inPod(cluster: Cluster, pod: Pod, lines: string): Promise<string> {
  return (await cluster.run(pod.spec.nodeName as NodeName, [...(await enter(cluster, pod)), 'sh', '-c', lines])).stdout
}

export async function spawnInPod(cluster: Cluster, pod: Pod, argv: readonly string[]): Promise<LabProcess> {
  return cluster.spawn(pod.spec.nodeName as NodeName, [...(await enter(cluster, pod)), ...argv])
}

async function enter(cluster: Cluster, { spec, status }: Pod): Promise<string[]> {
  const id = status!.containerStatuses![0]!.containerID!.replace('podman://', '')
  const { stdout } = await cluster.run(spec.nodeName as NodeName, ['podman', 'inspect', '--format', '{{.State.Pid}}', id])
  return ['nsenter', '--target', stdout.trim(), '--net', '--']
}
