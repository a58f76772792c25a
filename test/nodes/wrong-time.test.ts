import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, test, type TestContext } from 'node:test'
import { connect, createServer, type TLSSocket } from 'node:tls'
import { faultOfServer, isControlPlane } from '@bramble/link/control-plane-certificate'
import { SimClock } from '@bramble/reconcile/sim/sim-clock'
import { systemClock } from '@bramble/reconcile/env'
import { aControlPlane, anAuthority, openMembership, temporaryFolder } from './nodes.fixture.ts'

const DAY_MS = 86_400_000
/** To this machine's clock, its server's certificate ran out years ago: as to a Pi whose clock is years ahead. */
const past = await anAuthority({ after }, new SimClock(systemClock.nowMs() - 800 * DAY_MS))
const other = await anAuthority({ after })

test('a machine whose clock is years off joins all the same', async (t) => {
  assert.ok(new X509Certificate(past.server.certificate).validToDate.getTime() < systemClock.nowMs())
  const plane = await aControlPlane(t, { pki: past })
  const given = { server: 'https://127.0.0.1:6443', 'stream-port': plane.port, token: await plane.token(), 'node-name': 'pi-1' }
  const membership = await openMembership(await temporaryFolder(t), given)
  assert.equal(membership!.identity.nodeName, 'pi-1')
})

/** A TLS connection to somebody who shows a certificate, as an agent makes it. */
async function shownTo(t: TestContext, authority: string, { certificate: cert, key }: { certificate: string; key: string }) {
  const server = createServer({ cert, key })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => void server.close())
  const { port } = server.address() as { port: number }
  const socket: TLSSocket = connect({
    host: '127.0.0.1',
    port,
    ca: authority,
    servername: 'bramble-control-plane',
    rejectUnauthorized: false,
  })
  t.after(() => void socket.destroy())
  await new Promise<void>((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject))
  return faultOfServer(socket, authority)?.code
}

test('time is all that is overlooked', async (t) => {
  const folder = await temporaryFolder(t)
  const openssl = (...args: readonly string[]): void => void execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' })
  /** Certified by the authority `name`, and over long ago. */
  const expired = async (name: string, extensions: string) => {
    await writeFile(join(folder, 'extensions'), extensions)
    openssl(
      'req',
      '-new',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      'key',
      '-out',
      'csr',
      '-subj',
      '/CN=x',
    )
    openssl(
      'x509',
      '-req',
      '-in',
      'csr',
      '-CA',
      `${name}.crt`,
      '-CAkey',
      `${name}.key`,
      '-days',
      '-1',
      '-extfile',
      'extensions',
      '-out',
      'crt',
    )
    return { certificate: await readFile(join(folder, 'crt'), 'utf8'), key: await readFile(join(folder, 'key'), 'utf8') }
  }
  for (const name of ['ca', 'other'])
    openssl(
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '99', '-subj', '/CN=bramble-ca'],
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.crt`,
    )
  const authority = await readFile(join(folder, 'ca.crt'), 'utf8')
  const name = 'subjectAltName=DNS:bramble-control-plane\n'
  const server = 'extendedKeyUsage=serverAuth\n'
  assert.equal(await shownTo(t, authority, await expired('ca', name + server)), undefined)
  assert.ok(await shownTo(t, authority, await expired('other', name + server)), 'another authority of the same name')
  assert.ok(await shownTo(t, authority, await expired('ca', `subjectAltName=DNS:elsewhere\n${server}`)), 'another name')
  assert.ok(
    await shownTo(t, authority, await expired('ca', `${name}extendedKeyUsage=clientAuth\n`)),
    "a client's certificate, such as a node has",
  )
  assert.ok(await shownTo(t, authority, await expired('ca', `${name}${server}basicConstraints=critical,CA:TRUE\n`)), 'an authority')
  assert.ok(await shownTo(t, past.authority, other.server), 'another cluster, in time')
  assert.ok(await shownTo(t, past.authority, past.admin), "an admin's own certificate, out of time")
  assert.equal(
    isControlPlane(new X509Certificate(past.server.certificate), other.authority + past.authority),
    true,
    'one of several authorities',
  )
})
