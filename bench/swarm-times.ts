import { systemClock } from '@bramble/reconcile/env'
import { OUTSIDE } from '../test/e2e/lab/lab.ts'
import { waitFor } from '../test/e2e/wait.ts'
import { answeredAtMs, killAndTime } from './http-answers.ts'
import type { Times } from './pod-start.ts'
import { outsidePid } from './outside-pid.ts'
import { relay } from './relay.ts'
import type { SwarmFleet } from './swarm-fleet.ts'

const ON = 'h2'
const LOST = 'h3'
const LOOK_AGAIN_MS = 25
const LOOK_MS_MAX = 120_000
const REST_MS = 2_000
const PORT = 8080

export async function swarmTimes(fleet: SwarmFleet, repeats: number): Promise<Times> {
  const tenReplicas = await timesTenReplicas(fleet, repeats)
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
    tenReplicas,
    killedToAnswer,
    deadNode: dead.node,
    deadWithdrawn: dead.answers,
    silentNode: silent.node,
    silentWithdrawn: silent.answers,
  }
}

async function timesTenReplicas(fleet: SwarmFleet, repeats: number): Promise<readonly number[]> {
  const seconds: number[] = []
  for (let repeat = 0; repeat <= repeats; repeat++) {
    const startMs = performance.now()
    await fleet.createService('ten', 10)
    const atMs = await when(async () => (await fleet.tasks('ten')).filter(({ Status }) => Status.State === 'running').length === 10)
    if (repeat > 0) seconds.push((atMs - startMs) / 1000) // the first one looks for the image in a registry
    await fleet.removeService('ten')
    await noContainers(fleet)
  }
  return seconds
}

async function timesKilledContainer(fleet: SwarmFleet, repeats: number): Promise<readonly number[]> {
  const seconds: number[] = []
  const socketPath = await relay(fleet.lab, OUTSIDE, fleet.lab.ip(ON), PORT)
  await fleet.createService('killed', 1, { on: ON, port: PORT })
  for (let repeat = 0; repeat < repeats; repeat++) {
    await answeredAtMs([socketPath])
    await systemClock.sleep(REST_MS)
    const pid = await waitFor(
      'the task to run',
      async () => (await fleet.tasks('killed')).find(({ Status }) => Status.State === 'running')?.Status.ContainerStatus?.PID,
    )
    seconds.push(await killAndTime(await outsidePid(pid, fleet.pids[ON]!), socketPath))
  }
  await fleet.removeService('killed')
  await noContainers(fleet)
  return seconds
}

/** One replica on the node that will be lost, kept off the manager: its work goes to the other worker. */
async function timesLostNode(
  fleet: SwarmFleet,
  repeats: number,
  lose: (host: string) => Promise<void>,
  back: (host: string) => Promise<void>,
): Promise<{ node: number[]; answers: number[] }> {
  const seconds = { node: [] as number[], answers: [] as number[] }
  const elsewhere = await relay(fleet.lab, OUTSIDE, fleet.lab.ip(ON), PORT + 1)
  for (let repeat = 0; repeat < repeats; repeat++) {
    await drain(fleet, ON, 'drain') // so that it starts on the other
    await fleet.createService('lost', 1, { port: PORT + 1, notOn: 'h1' })
    await waitFor('the task to run', async () => (await fleet.tasks('lost')).some(({ Status }) => Status.State === 'running'), {
      limitMs: 60_000,
    })
    await drain(fleet, ON, 'active')
    await systemClock.sleep(REST_MS)
    const lostMs = performance.now()
    await lose(LOST)
    const down = when(async () =>
      (await fleet.nodes()).some(({ Description, Status }) => Description.Hostname === LOST && Status.State === 'down'),
    )
    const answered = answeredAtMs([elsewhere])
    seconds.node.push(((await down) - lostMs) / 1000)
    seconds.answers.push(((await answered) - lostMs) / 1000)
    await fleet.removeService('lost')
    await back(LOST)
    await noContainers(fleet)
  }
  return seconds
}

async function drain(fleet: SwarmFleet, host: string, availability: 'active' | 'drain'): Promise<void> {
  const { ID } = (await fleet.nodes()).find(({ Description }) => Description.Hostname === host)!
  const { Version, Spec } = await fleet.call<{ Version: { Index: number }; Spec: object }>('h1', 'GET', `/nodes/${ID}`)
  await fleet.call('h1', 'POST', `/nodes/${ID}/update?version=${Version.Index}`, { ...Spec, Availability: availability })
}

async function noContainers(fleet: SwarmFleet): Promise<void> {
  await waitFor(
    'containers to be gone',
    async () => {
      const all = await Promise.all(fleet.lab.hosts.map((host) => fleet.call<readonly unknown[]>(host, 'GET', '/containers/json')))
      return all.every(({ length }) => length === 0)
    },
    { limitMs: 90_000 },
  )
  await systemClock.sleep(REST_MS)
}

async function when(good: () => Promise<boolean>): Promise<number> {
  const startMs = performance.now()
  while (!(await good())) {
    if (performance.now() - startMs > LOOK_MS_MAX) throw new Error(`waited ${LOOK_MS_MAX} ms`)
    await systemClock.sleep(LOOK_AGAIN_MS)
  }
  return performance.now()
}
