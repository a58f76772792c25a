import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto'
import { mkdtemp, readFile, rm, stat, unlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { systemClock } from '@bramble/reconcile/env'
import { openPki } from './pki.ts'

const inFolder = async (body: (folder: string) => Promise<void>): Promise<void> => {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-pki-'))
  try {
    await body(folder)
  } finally {
    await rm(folder, { recursive: true })
  }
}

test('opening twice gives the same certificates; a new address renews the server certificate only', () =>
  inFolder(async (folder) => {
    const first = await openPki(folder, ['pi-1'], ['192.0.2.1'], systemClock)
    const again = await openPki(folder, ['pi-1'], ['192.0.2.1'], systemClock)
    assert.deepEqual({ ...again, certifyNode: 0, certifyRequest: 0 }, { ...first, certifyNode: 0, certifyRequest: 0 })
    const moved = await openPki(folder, ['pi-1'], ['192.0.2.1', '192.0.2.7'], systemClock)
    assert.equal(moved.authority, first.authority)
    assert.equal(moved.admin.certificate, first.admin.certificate)
    assert.notEqual(moved.server.certificate, first.server.certificate)
    assert.equal(new X509Certificate(moved.server.certificate).checkIP('192.0.2.7'), '192.0.2.7')
  }))

test('a cut between key and certificate is repaired, and keys are readable by their owner only', () =>
  inFolder(async (folder) => {
    await openPki(folder, [], [], systemClock)
    await unlink(join(folder, 'server.crt'))
    const pki = await openPki(folder, [], [], systemClock)
    assert.ok(new X509Certificate(pki.server.certificate).checkPrivateKey(createPrivateKey(pki.server.key)))
    for (const name of ['ca.key', 'server.key', 'admin.key']) assert.equal((await stat(join(folder, name))).mode & 0o777, 0o600)
  }))

test('certificates close to their end are renewed', () =>
  inFolder(async (folder) => {
    const first = await openPki(folder, [], [], systemClock)
    const later = { ...systemClock, nowMs: () => systemClock.nowMs() + 320 * 86_400_000 }
    const second = await openPki(folder, [], [], later)
    assert.equal(second.authority, first.authority)
    assert.notEqual(second.server.certificate, first.server.certificate)
    assert.ok(second.expiresMs > first.expiresMs)
  }))

test('a node certificate names the node, whatever its request asks for, and passes openssl -x509_strict', () =>
  inFolder(async (folder) => {
    const pki = await openPki(folder, [], [], systemClock)
    const { privateKey } = generateKeyPairSync('ec', {
      namedCurve: 'P-256',
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
      publicKeyEncoding: { type: 'spki', format: 'pem' },
    })
    await writeFile(join(folder, 'device.key'), privateKey, { mode: 0o600 })
    const csr = execFileSync('openssl', [
      'req',
      '-new',
      '-key',
      join(folder, 'device.key'),
      '-subj',
      '/O=system:masters/CN=evil',
      '-outform',
      'DER',
    ])
    const pem = await pki.certifyNode('pi-7', csr)
    const subject = new X509Certificate(pem).subject
    assert.equal(subject, 'O=system:nodes\nCN=system:node:pi-7')
    await writeFile(join(folder, 'node.crt'), pem)
    execFileSync('openssl', ['verify', '-x509_strict', '-CAfile', join(folder, 'ca.crt'), join(folder, 'node.crt')])
    execFileSync('openssl', ['verify', '-x509_strict', '-CAfile', join(folder, 'ca.crt'), join(folder, 'server.crt')])
    assert.match(await readFile(join(folder, 'ca.crt'), 'utf8'), /BEGIN CERTIFICATE/)
    csr[csr.length - 1]! ^= 1
    await assert.rejects(pki.certifyNode('pi-7', csr), /signature/)
  }))
