import { once } from 'node:events'
import { connect } from 'node:tls'
import type { Pod } from '@bramble/api/types/pod'
import { systemClock } from '@bramble/reconcile/env'
import { WebSocket } from 'ws'
import { PODS } from './agent-footprint.ts'
import { type BrambleFleet, helloPodSpec } from './bramble-fleet.ts'
import type { PlainRuntime } from './plain-runtimes.ts'

/** Seconds of each repeat. */
export interface AgentTimes {
  /** From the request that creates the pod until a watch shows Running. */
  readonly start: readonly number[]
  /** Until the runtime says that the container's first process began. */
  readonly startInRuntime: readonly number[]
  /** From the request that deletes it until a watch shows it gone. */
  readonly stop: readonly number[]
  /** `true` in a container, over a WebSocket, until its exit code is there. */
  readonly exec: readonly number[]
  readonly log: readonly number[]
}

const REST_MS = 500

/** What a client of the API waits for, pods of one container on one host. The first one is left out. */
export async function agentTimes(fleet: BrambleFleet, host: string, plain: PlainRuntime, repeats: number): Promise<AgentTimes> {
  const times = { start: [], startInRuntime: [], stop: [], exec: [], log: [] } satisfies Record<keyof AgentTimes, number[]> as Record<
    keyof AgentTimes,
    number[]
  >
  for (let repeat = 0; repeat <= repeats; repeat++) {
    const one = await onePod(fleet, host, plain)
    if (repeat > 0) for (const [name, seconds] of Object.entries(one)) times[name as keyof AgentTimes].push(seconds)
    await systemClock.sleep(REST_MS)
  }
  return times
}

async function onePod(fleet: BrambleFleet, host: string, plain: PlainRuntime): Promise<Record<keyof AgentTimes, number>> {
  const { api } = fleet
  const name = `timed-${host}`
  const until = new AbortController()
  try {
    const events = (await api.watch<Pod>(`${PODS}?fieldSelector=metadata.name%3D${name}`, until.signal))[Symbol.asyncIterator]()
    const next = async (good: (type: string, pod: Pod) => boolean): Promise<{ readonly pod: Pod; readonly atMs: number }> => {
      for (;;) {
        const { value, done } = await events.next()
        if (done) throw new Error('the watch ended')
        if (good(value.type, value.object)) return { pod: value.object, atMs: value.atMs }
      }
    }
    const [createMs, createdAtMs] = [performance.now(), systemClock.nowMs()]
    await api.call('POST', PODS, { metadata: { name }, spec: helloPodSpec({ nodeName: host }) })
    const { pod, atMs } = await next((_, { status }) => status?.phase === 'Running')
    const id = pod.status!.containerStatuses![0]!.containerID!.replace(/^.*:\/\//, '')
    const startedAtMs = await plain.startedAtMs(id)
    const exec = await timed(() => execute(fleet, name, ['true']))
    const log = await timed(() => api.read(`${PODS}/${name}/log`))
    const deleteMs = performance.now()
    await api.call('DELETE', `${PODS}/${name}`)
    const gone = await next((type) => type === 'DELETED')
    return {
      start: (atMs - createMs) / 1000,
      startInRuntime: (startedAtMs - createdAtMs) / 1000,
      stop: (gone.atMs - deleteMs) / 1000,
      exec,
      log,
    }
  } finally {
    until.abort()
  }
}

export async function timed(work: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now()
  await work()
  return (performance.now() - startMs) / 1000
}

const STATUS_CHANNEL = 3

/** As kubectl does, on a connection of its own. @throws Error unless the command succeeded. */
async function execute({ api, apiSocket }: BrambleFleet, pod: string, command: readonly string[]): Promise<void> {
  const query = new URLSearchParams([['stdout', 'true'], ...command.map((word): [string, string] => ['command', word])])
  const socket = new WebSocket(`wss://${api.credentials.servername}${PODS}/${pod}/exec?${query}`, ['v5.channel.k8s.io'], {
    createConnection: () => connect({ path: apiSocket, ...api.credentials }),
  })
  let status = ''
  socket.on('message', (data: Buffer) => {
    if (data[0] === STATUS_CHANNEL) status += data.subarray(1).toString()
  })
  await once(socket, 'close')
  if ((JSON.parse(status || '{}') as { status?: string }).status !== 'Success') throw new Error(`exec in ${pod}: ${status || 'no answer'}`)
}
