import { statSync } from 'node:fs'
import { join } from 'node:path'
import type { ApiConnection } from './api-connection.ts'
import { fanOut, prepareFanOut } from './api-fan-out.ts'
import { createPods, PARALLEL, requests } from './api-requests.ts'
import { ApiServer, type ServerMemory } from './api-server.ts'
import { machine, megabytes, numberOption, printTable } from './table.ts'

// One control plane with SQLite on the disk, asked over HTTPS on the loopback. This process asks and needs processor time as
// well, so that the server's own time for a request is the firmer figure. Needs 3000 open files (ulimit -n).
// --seconds N   per line of the first table, default 5
// --watchers N  default 1000
// --pods N      in the store at the last start, default 10000

const SECONDS = numberOption('seconds', 5)
const WATCHERS = numberOption('watchers', 1_000)
const PODS = numberOption('pods', 10_000)

console.log(machine())
const server = await ApiServer.make()
try {
  const { api } = await server.start(PARALLEL)
  const fresh = await server.memory()
  await requests(server, api, SECONDS)
  const loaded = await server.memory()
  await server.stop()
  await watchers()
  await manyPods(fresh, loaded)
} finally {
  await server.remove()
}

/** Each protocol finds a control plane that has just started: what is measured is its own. */
async function watchers(): Promise<void> {
  const rows: string[][] = []
  for (const protocol of ['HTTP/1.1', 'HTTP/2'] as const) {
    const { api } = await server.start(PARALLEL)
    if (rows.length === 0) await prepareFanOut(api)
    rows.push(await fanOut(server, api, protocol, WATCHERS))
    await server.stop()
  }
  printTable(
    `A change seen by ${WATCHERS} watchers`,
    [
      '',
      'to the first p50 ms',
      'p99',
      'to the last p50 ms',
      'p99',
      'events/s in a burst',
      'server CPU µs per event',
      'KB RSS per idle watch',
    ],
    rows,
  )
}

/** Starts with many objects in the store. */
async function manyPods(fresh: ServerMemory, loaded: ServerMemory): Promise<void> {
  const row = (title: string, memory: ServerMemory, tookMs?: number): string[] => [
    title,
    tookMs === undefined ? '' : (tookMs / 1000).toFixed(2),
    megabytes(memory.rssBytes),
    megabytes(memory.anonBytes),
    megabytes(memory.peakBytes),
  ]
  const rows = [row('just started, empty', fresh), row('after the requests above', loaded)]
  let api: ApiConnection = (await server.start(PARALLEL)).api
  const there = (await api.call<{ items: unknown[] }>('GET', '/api/v1/pods')).items.length
  await createPods(api, PODS - there, there)
  await server.stop()
  const restarted = await server.start(PARALLEL)
  api = restarted.api
  const { items } = await api.call<{ items: unknown[] }>('GET', '/api/v1/pods?limit=1')
  if (items.length !== 1) throw new Error('the pods are gone')
  rows.push(row(`started with ${PODS} Pods in the store`, await server.memory(), restarted.tookMs))
  await api.read('/api/v1/pods')
  rows.push(row('after a list of all of them', await server.memory()))
  printTable('Start and memory', ['', 'until it answers s', 'RSS MB', 'RssAnon MB', 'peak MB'], rows)
  console.log(`\nThe store's file has ${megabytes(statSync(join(server.folder, 'server/store.db')).size)} MB.`)
}
