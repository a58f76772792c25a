import assert from 'node:assert/strict'
import { Socket } from 'node:net'
import { describe, it } from 'node:test'
import { SimClock } from '@bramble/reconcile/sim/sim-clock'
import { runCommand, startDetached } from '../../host/exec.ts'
import { RuntimeError } from '../runtime.ts'
import { Attachments } from './attachments.ts'
import type { PodmanClient } from './client.ts'
import type { StdinHolders } from './stdin-holders.ts'

const OUTPUT_ONLY = { stdin: false, stdout: true, stderr: true, tty: false }

describe('the stream of a container that somebody is attached to was closed, and Podman says that it runs', () => {
  it('its process is gone: that was the end', async () => {
    const { pid, ended } = startDetached('true', [])
    await ended
    assert.deepEqual(await (await attached(pid, new SimClock())).ended, { exitCode: 0 })
  })

  it('its process is still on its way out: that will have been the end', async () => {
    const { pid } = startDetached('sleep', ['600'])
    const clock = new SimClock()
    const told = (await attached(pid, clock)).ended
    await clock.advance(500)
    process.kill(pid, 'SIGKILL')
    while ((await runCommand('ps', ['-o', 'stat=', '-p', String(pid)], { exitCodes: 'any' })).stdout.trim().match(/^[^Z]/));
    await clock.advance(500)
    assert.deepEqual(await told, { exitCode: 0 })
  })

  it('its process lives on: the stream was lost', async () => {
    const clock = new SimClock()
    const lost = assert.rejects((await attached(process.pid, clock)).ended, (error) => {
      return error instanceof RuntimeError && error.reason === 'RuntimeUnavailable' && /was closed/.test(error.message)
    })
    await clock.advance(10_000)
    await lost
  })
})

/** To a container whose stream closes at once. */
function attached(pid: number, clock: SimClock) {
  const container = { State: { Status: 'running', Pid: pid }, Config: { OpenStdin: false, Tty: false } }
  const client = { call: async () => container, hijack: async () => new Socket().destroy() } as unknown as PodmanClient
  return new Attachments(client, {} as StdinHolders, clock).open('c1', OUTPUT_ONLY, new AbortController().signal)
}
