import { request } from 'node:http'
import { systemClock } from '@bramble/reconcile/env'

const ASK_AGAIN_MS = 10
const ANSWER_MS_MAX = 500
const WAIT_MS_MAX = 90_000

/** Whether an HTTP server answers with 200 behind a socket file (see `relay`). */
export function answers(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const outgoing = request({ socketPath, path: '/cgi-bin/index.cgi', agent: false, timeout: ANSWER_MS_MAX }, (response) => {
      response
        .resume()
        .on('end', () => resolve(response.statusCode === 200))
        .on('error', () => resolve(false))
    })
    outgoing.on('timeout', () => outgoing.destroy())
    outgoing.on('error', () => resolve(false))
    outgoing.on('close', () => resolve(false))
    outgoing.end()
  })
}

/** Asks until one of them answers, and says when, `performance.now()`. */
export async function answeredAtMs(socketPaths: readonly string[]): Promise<number> {
  const startMs = performance.now()
  while (performance.now() - startMs < WAIT_MS_MAX) {
    const all = await Promise.all(socketPaths.map(answers))
    if (all.includes(true)) return performance.now()
    await systemClock.sleep(ASK_AGAIN_MS)
  }
  throw new Error(`no answer within ${WAIT_MS_MAX} ms`)
}

/** @param pid Of a container's first process, seen from here. Its children go with it. */
export async function killAndTime(pid: number, socketPath: string): Promise<number> {
  const killedMs = performance.now()
  process.kill(pid, 'SIGKILL')
  while (await answers(socketPath)) if (performance.now() - killedMs > WAIT_MS_MAX) throw new Error('it still answers')
  return ((await answeredAtMs([socketPath])) - killedMs) / 1000
}
