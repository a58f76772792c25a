import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { TestContext } from 'node:test'
import type { Pod } from '@bramble/api/types/pod'
import { StatusError } from '@bramble/api/status-error'
import { systemClock } from '@bramble/reconcile/env'
import { settle, type SimClock } from '@bramble/reconcile/sim/sim-clock'
import type { RemoteProcess } from '@bramble/streams/remote-process'
import type { LogOptions } from '../../apps/control-plane/src/http/pod-log-options.ts'
import type { Pki } from '../../apps/control-plane/src/pki/pki.ts'
import { certificateRequest, newDeviceKey } from '../../apps/node-agent/src/transport/device-key.ts'
import type { Identity } from '../../apps/node-agent/src/transport/identity.ts'
import type { StreamSources } from '../../apps/node-agent/src/transport/carry-call.ts'
import { StreamCarrier } from '../../apps/node-agent/src/transport/stream-carrier.ts'
import { aCable } from './cable.fixture.ts'
import { aControlPlane, envOf } from './nodes.fixture.ts'

export const POD: Pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web', namespace: 'default', uid: 'u1', resourceVersion: '1', creationTimestamp: '' },
  spec: { nodeName: 'pi-1', containers: [] },
}
export const OPTIONS: LogOptions = { container: 'c', follow: false, previous: false, timestamps: false }
export const NEVER = new AbortController().signal

const refused = (): never => assert.fail('nobody asked for this')
export const NO_SOURCES: StreamSources = { logs: refused, exec: refused, attach: refused, forward: refused }

export async function aCertificate(authority: Pki, nodeName: string, key = newDeviceKey()) {
  return {
    nodeName,
    key,
    certificate: await authority.certifyNode(nodeName, await certificateRequest(key)),
    authority: authority.authority,
  }
}

export interface Wire {
  readonly pki: Pki
  readonly node: Awaited<ReturnType<typeof aCertificate>>
  readonly sources?: Partial<StreamSources>
  readonly clock?: SimClock
}

/** Control plane and node `pi-1`, with a cable between them that can be watched and cut. */
export async function aWire(t: TestContext, { pki, node, sources, clock }: Wire) {
  const asked: string[] = []
  let isPlugged = true
  const stop = new AbortController()
  t.after(() => stop.abort())
  const plane = await aControlPlane(t, {
    pki,
    clock: clock ?? systemClock,
    ask: (nodeName, id) => {
      asked.push(id)
      if (nodeName !== 'pi-1') return Promise.reject(new Error('no session'))
      if (isPlugged) carry(id)
      return Promise.resolve()
    },
  })
  const cable = await aCable(t, plane.port)
  const identity: Identity = {
    ...node,
    server: 'https://127.0.0.1:6443',
    mqttPort: 1,
    streamPort: cable.port,
    podNetwork: '',
    serviceNetwork: '',
  }
  const carrier = new StreamCarrier(() => identity, { ...NO_SOURCES, ...sources }, envOf(clock ?? systemClock))
  const carried: Promise<void>[] = []
  const carry = (id: string): void => void carried.push(carrier.carry({ id }, stop.signal))
  return {
    ...plane,
    asked,
    cable,
    carry,
    /** Resolves when the node has let go of every stream. */
    allCarried: () => Promise.all(carried),
    unplug: () => {
      isPlugged = false
    },
    /** The agent stops. */
    stopNode: () => stop.abort(),
  }
}

export async function readAll(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = []
  for await (const chunk of chunks) parts.push(chunk)
  return Buffer.concat(parts).toString()
}

export const isStatus =
  (code: number, reason: string, message: string | RegExp) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof StatusError, String(error))
    assert.deepEqual([error.code, error.reason], [code, reason])
    assert.match(error.message, typeof message === 'string' ? new RegExp(`^${message}$`) : message)
    return true
  }

/** Waits, without a look at the clock, until something is so. The test's own time limit ends it. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await settle()
}

/** A real process of this machine, as a runtime gives it; killed when `signal` aborts or one of its streams is destroyed. */
export function aProcess(command: readonly string[], signal: AbortSignal): RemoteProcess {
  const child = spawn(command[0]!, command.slice(1))
  const kill = (): void => void child.kill('SIGKILL')
  signal.addEventListener('abort', kill, { once: true })
  for (const stream of [child.stdin, child.stdout, child.stderr]) stream.on('error', () => {}).on('close', () => stream.errored && kill())
  return {
    stdin: child.stdin,
    stdout: child.stdout,
    stderr: child.stderr,
    resize: () => {},
    ended: once(child, 'close').then(([code]) => {
      signal.removeEventListener('abort', kill)
      return { exitCode: (code as number | null) ?? 137 }
    }),
  }
}
