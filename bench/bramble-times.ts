import { isConditionTrue } from '@bramble/api/conditions'
import type { Node } from '@bramble/api/types/node'
import type { Pod } from '@bramble/api/types/pod'
import { systemClock } from '@bramble/reconcile/env'
import { OUTSIDE } from '../test/e2e/lab/lab.ts'
import { waitFor } from '../test/e2e/wait.ts'
import { HELLO_IMAGE } from '../tools/images/build.ts'
import type { ApiConnection } from './api-connection.ts'
import { type BrambleFleet, helloDeployment, helloPodSpec, helloService } from './bramble-fleet.ts'
import { answeredAtMs, killAndTime } from './http-answers.ts'
import type { Times } from './pod-start.ts'
import { outsidePid } from './outside-pid.ts'
import { relay } from './relay.ts'

const PODS = '/api/v1/namespaces/default/pods'
const SERVICES = '/api/v1/namespaces/default/services'
const DEPLOYMENTS = '/apis/apps/v1/namespaces/default/deployments'
const ON = 'h2'
const LOST = 'h3'
const REST_MS = 1_000
const NODE_PORT = 30_080

/** `podman run --detach` of the same image on the same host, its default network: until the container runs. */
export async function podmanStart({ lab }: BrambleFleet, repeats: number): Promise<readonly number[]> {
  const seconds: number[] = []
  for (let repeat = 0; repeat <= repeats; repeat++) {
    const startMs = performance.now()
    await lab.run(ON, [
      'podman',
      '--runtime',
      'runc',
      'run',
      '--detach',
      '--name',
      'plain',
      '--ulimit',
      'nofile=4096:4096',
      '--ulimit',
      'nproc=4096:4096',
      HELLO_IMAGE,
    ])
    if (repeat > 0) seconds.push((performance.now() - startMs) / 1000) // the first one makes the network
    await lab.run(ON, ['podman', 'rm', '--force', '--time', '0', 'plain'])
  }
  return seconds
}

export async function brambleTimes(fleet: BrambleFleet, repeats: number): Promise<Times & { readonly onePod: readonly number[] }> {
  const onePod = await timesOnePod(fleet.api, repeats)
  const tenReplicas = await timesTenReplicas(fleet.api, repeats)
  const killedToAnswer = await timesKilledContainer(fleet, repeats)
  const dead = await timesLostNode(
    fleet,
    repeats,
    (host) => fleet.lab.kill(host),
    (host) => fleet.boot(host),
  )
  const silent = await timesLostNode(
    fleet,
    repeats,
    (host) => fleet.lab.cut(host),
    async (host) => {
      await fleet.lab.join(host)
      await fleet.waitReady([host])
    },
  )
  return {
    onePod,
    tenReplicas,
    killedToAnswer,
    deadNode: dead.node,
    deadWithdrawn: dead.withdrawn,
    silentNode: silent.node,
    silentWithdrawn: silent.withdrawn,
  }
}

async function timesOnePod(api: ApiConnection, repeats: number): Promise<readonly number[]> {
  const seconds: number[] = []
  for (let repeat = 0; repeat <= repeats; repeat++) {
    const name = `one-${repeat}`
    const running = allRun(api, `metadata.name=${name}`, 1)
    const startMs = performance.now()
    await api.call('POST', PODS, { apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec: helloPodSpec({ nodeName: ON }) })
    const atMs = await running
    if (repeat > 0) seconds.push((atMs - startMs) / 1000) // the first one starts the runtime's service
    await api.call('DELETE', `${PODS}/${name}`)
    await noPods(api)
  }
  return seconds
}

async function timesTenReplicas(api: ApiConnection, repeats: number): Promise<readonly number[]> {
  const seconds: number[] = []
  for (let repeat = 0; repeat < repeats; repeat++) {
    const running = allRun(api, '', 10)
    const startMs = performance.now()
    await api.call('POST', DEPLOYMENTS, helloDeployment('ten', 10))
    seconds.push(((await running) - startMs) / 1000)
    await api.call('DELETE', `${DEPLOYMENTS}/ten`)
    await noPods(api)
  }
  return seconds
}

async function timesKilledContainer(fleet: BrambleFleet, repeats: number): Promise<readonly number[]> {
  const { api, lab } = fleet
  const seconds: number[] = []
  const socketPath = await relay(lab, OUTSIDE, lab.ip(ON), NODE_PORT)
  for (let repeat = 0; repeat < repeats; repeat++) {
    // a new pod each time: the second restart of a container waits, as on Kubernetes
    await api.call('POST', DEPLOYMENTS, helloDeployment('killed', 1, ON))
    await api.call('POST', SERVICES, helloService('killed', NODE_PORT))
    await answeredAtMs([socketPath])
    await systemClock.sleep(REST_MS)
    seconds.push(await killAndTime(await containerPid(fleet), socketPath))
    await api.call('DELETE', `${DEPLOYMENTS}/killed`)
    await api.call('DELETE', `${SERVICES}/killed`)
    await noPods(api)
  }
  return seconds
}

/** Of the only container on the host, as seen from outside. */
async function containerPid({ lab, pids }: BrambleFleet): Promise<number> {
  const { stdout } = await lab.run(ON, ['sh', '-c', 'podman inspect --format "{{.State.Pid}}" $(podman ps --quiet)'])
  return outsidePid(Number(stdout), pids[ON]!)
}

async function timesLostNode(
  fleet: BrambleFleet,
  repeats: number,
  lose: (host: string) => Promise<void>,
  back: (host: string) => Promise<void>,
): Promise<{ node: number[]; withdrawn: number[] }> {
  const { api, lab } = fleet
  const seconds = { node: [] as number[], withdrawn: [] as number[] }
  await api.call('POST', DEPLOYMENTS, helloDeployment('lost', 3))
  await api.call('POST', SERVICES, helloService('lost'))
  for (let repeat = 0; repeat < repeats; repeat++) {
    const ip = await waitFor(
      'a pod of the host that will be lost',
      async () => {
        const { items } = await api.call<{ items: Pod[] }>('GET', PODS)
        return items.find(({ spec, status }) => spec.nodeName === LOST && isConditionTrue(status?.conditions, 'Ready'))?.status?.podIP
      },
      { limitMs: 60_000 },
    )
    const others = lab.hosts.filter((host) => host !== LOST)
    for (const host of others)
      await waitFor(`${host} to know the pod`, async () =>
        (await lab.run(host, ['iptables-save', '--table', 'nat'])).stdout.includes(`${ip}:8080`),
      )
    const watching = new AbortController()
    const gone = Promise.all(others.map((host) => goneAtMs(fleet, host, `${ip}:8080`)))
    const notReady = notReadyAtMs(api, LOST, watching.signal)
    await systemClock.sleep(REST_MS)
    const lostMs = performance.now()
    await lose(LOST)
    seconds.node.push(((await notReady) - lostMs) / 1000)
    seconds.withdrawn.push((Math.max(...(await gone)) - lostMs) / 1000)
    watching.abort()
    await back(LOST)
  }
  await api.call('DELETE', `${DEPLOYMENTS}/lost`)
  await api.call('DELETE', `${SERVICES}/lost`)
  await noPods(api)
  return seconds
}

const LOOK = 'while iptables-save --table nat | grep --quiet --fixed-strings "$1"; do sleep 0.05; done'

/** When the rules of a host no longer name an address. */
async function goneAtMs({ lab }: BrambleFleet, host: string, address: string): Promise<number> {
  await lab.run(host, ['sh', '-c', LOOK, 'sh', address], { timeoutMs: 120_000 })
  return performance.now()
}

async function notReadyAtMs(api: ApiConnection, name: string, signal: AbortSignal): Promise<number> {
  for await (const { object, atMs } of await api.watch<Node>(`/api/v1/nodes?fieldSelector=metadata.name%3D${name}`, signal))
    if (!isConditionTrue(object.status?.conditions, 'Ready')) return atMs
  throw new Error('the watch ended')
}

/** When as many pods run. */
async function allRun(api: ApiConnection, fieldSelector: string, count: number): Promise<number> {
  const stop = new AbortController()
  const running = new Set<string>()
  try {
    for await (const { object, atMs } of await api.watch<Pod>(`${PODS}?fieldSelector=${encodeURIComponent(fieldSelector)}`, stop.signal)) {
      if (object.status?.phase === 'Running') running.add(object.metadata.name)
      if (running.size === count) return atMs
    }
    throw new Error('the watch ended')
  } finally {
    stop.abort()
  }
}

async function noPods(api: ApiConnection): Promise<void> {
  await waitFor('pods to be gone', async () => (await api.call<{ items: Pod[] }>('GET', PODS)).items.length === 0, { limitMs: 60_000 })
  await systemClock.sleep(REST_MS)
}
