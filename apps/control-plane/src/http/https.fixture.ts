import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { systemClock } from '@bramble/reconcile/env'
import { silentLog } from '@bramble/reconcile/log'
import { SimClock } from '@bramble/reconcile/sim/sim-clock'
import { openPki, type Pki } from '../pki/pki.ts'
import type { AppDeps } from './app.ts'
import { testApi } from './http.fixture.ts'
import { type HttpsLimits, serveHttps } from './server.ts'

export const HOST = '127.0.0.1'

const authorities = new Map<string, Promise<Pki>>()

/** An authority with its certificates, made once per process; other names are other authorities. */
export function testPki(name = 'ours'): Promise<Pki> {
  const made = authorities.get(name) ?? makePki(name)
  authorities.set(name, made)
  return made
}

async function makePki(name: string): Promise<Pki> {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-https-'))
  try {
    return await openPki(join(folder, name), ['localhost'], [HOST], systemClock)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** The API over a store in memory behind real TLS on the loopback, in virtual time; the client's certificate says who asks. */
export async function httpsServer(
  t: TestContext,
  overrides: Partial<AppDeps> & { readonly limits?: Partial<HttpsLimits>; readonly historyMax?: number } = {},
) {
  const { limits, historyMax, ...deps } = overrides
  const clock = new SimClock()
  const env = { clock, random: () => 0.5, log: silentLog }
  const stop = new AbortController()
  const { app, resources, store, call } = await testApi({
    env,
    identify: undefined,
    stop: stop.signal,
    ...(historyMax && { historyMax }),
    ...deps,
  })
  const pki = await testPki()
  const server = await serveHttps({
    app,
    env,
    cert: pki.server.certificate,
    key: pki.server.key,
    clientCa: pki.authority,
    host: HOST,
    port: 0,
    signal: stop.signal,
    ...(limits && { limits }),
  })
  t.after(async () => {
    stop.abort()
    await clock.advance(5_000)
    await server.closed
  })
  const admin = { host: HOST, port: server.port, ca: pki.authority, cert: pki.admin.certificate, key: pki.admin.key, agent: false } as const
  return { admin, call, clock, resources, server, stop, store }
}
