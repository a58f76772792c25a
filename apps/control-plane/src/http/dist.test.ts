import assert from 'node:assert/strict'
import { execFile, execFileSync, spawnSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { mkdir, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test, type TestContext } from 'node:test'
import { connect } from 'node:tls'
import { promisify } from 'node:util'
import { ReleaseFolder } from '@bramble/provisioning/release/release-folder'
import { publicKeyPin } from '../pki/pki.ts'
import { HOST, httpsServer, testPki } from './https.fixture.ts'

const folder = await mkdtemp(join(tmpdir(), 'bramble-dist-'))
after(() => rm(folder, { recursive: true, force: true }))
const LARGE_BYTES = 64 * 2 ** 20
const ARCHIVE = 'bramble-0.2.0-linux-arm64.tar.zst'
const LARGE = 'bramble-0.3.0-linux-arm64.tar.zst'
const content = randomBytes(200_000)
const sha256 = createHash('sha256').update(content).digest('hex')
const pin = publicKeyPin((await testPki()).server.certificate)

await mkdir(join(folder, 'releases'))
await keep(ARCHIVE, content)
await keep('bramble-0.2.0-linux-x64.tar.zst', Buffer.from('x'))
await keep('bramble-0.1.0-linux-arm64.tar.zst', Buffer.from('old'))
await keep(LARGE, Buffer.alloc(0), LARGE_BYTES)
await truncate(join(folder, 'releases', LARGE), LARGE_BYTES)
// not imported, half copied, and no releases at all
await writeFile(join(folder, 'releases/bramble-0.4.0-linux-arm64.tar.zst'), 'copied by hand')
await keep('bramble-0.5.0-linux-arm64.tar.zst', Buffer.from('half'), 5000)
await writeFile(join(folder, 'releases/secret'), 'nobody reads this')
await writeFile(join(folder, 'secret'), 'nobody reads this')
await writeFile(join(folder, 'install.sh'), "#!/bin/sh\nserver='@SERVER@'\npin='@PIN@'\n")

async function keep(name: string, bytes: Buffer, sizeBytes = bytes.length): Promise<void> {
  await writeFile(join(folder, 'releases', name), bytes)
  const hash = createHash('sha256').update(bytes).digest('hex')
  await writeFile(join(folder, 'releases', `${name}.json`), JSON.stringify({ sizeBytes, sha256: hash }))
}

/** A control plane, and a client that shows no certificate. */
async function server(t: TestContext, installer: string | undefined = join(folder, 'install.sh')) {
  const releases = new ReleaseFolder(join(folder, 'releases'))
  const names = ['localhost', HOST]
  const made = await httpsServer(t, { distribution: { releases, installer, server: 'https://192.0.2.1:6443', names, pin } })
  const { cert: _cert, key: _key, ...nobody } = made.admin
  const get = async (path: string, headers: Record<string, string> = {}, method = 'GET') => {
    const { response, body } = await open(path, headers, method)
    const bytes = Buffer.concat(await body.toArray())
    return { status: response.statusCode, headers: response.headers, bytes, text: bytes.toString() }
  }
  const open = async (path: string, headers: Record<string, string> = {}, method = 'GET') => {
    const outgoing = request({ ...nobody, servername: 'localhost', path, method, headers })
    outgoing.end()
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
    return { response, body: response }
  }
  return { ...made, get, open, port: made.server.port }
}

test('the index lists what was imported, the newest first, to anybody', async (t) => {
  const { get } = await server(t)
  const { status, headers, text } = await get('/dist/index.json')
  assert.deepEqual([status, headers['content-type']], [200, 'application/json'])
  const index = JSON.parse(text) as { version: string; arch: string }[]
  assert.deepEqual(
    index.map(({ version, arch }) => `${version} ${arch}`),
    ['0.3.0 arm64', '0.2.0 arm64', '0.2.0 x64', '0.1.0 arm64'],
  )
  assert.deepEqual(index[1], { version: '0.2.0', arch: 'arm64', file: ARCHIVE, sizeBytes: content.length, sha256 })
})

test('an archive comes whole, in parts, or not at all when the client has it', async (t) => {
  const { get } = await server(t)
  const whole = await get(`/dist/${ARCHIVE}`)
  assert.equal(whole.status, 200)
  assert.ok(whole.bytes.equals(content))
  assert.deepEqual(
    [whole.headers['etag'], whole.headers['content-length'], whole.headers['accept-ranges'], whole.headers['content-type']],
    [`"${sha256}"`, '200000', 'bytes', 'application/zstd'],
  )
  const rest = await get(`/dist/${ARCHIVE}`, { range: 'bytes=150000-' })
  assert.deepEqual([rest.status, rest.headers['content-range']], [206, 'bytes 150000-199999/200000'])
  assert.ok(rest.bytes.equals(content.subarray(150_000)))
  const other = await get(`/dist/${ARCHIVE}`, { range: 'bytes=150000-', 'if-range': '"another"' })
  assert.deepEqual([other.status, other.bytes.length], [200, 200_000])
  const beyond = await get(`/dist/${ARCHIVE}`, { range: 'bytes=200000-' })
  assert.deepEqual([beyond.status, beyond.headers['content-range'], beyond.bytes.length], [416, 'bytes */200000', 0])
  for (const known of [`"${sha256}"`, `"x", W/"${sha256}"`, '*'])
    assert.deepEqual((await get(`/dist/${ARCHIVE}`, { 'if-none-match': known })).status, 304, known)
})

test('HEAD tells what GET would give', async (t) => {
  const { get } = await server(t)
  const { status, headers, bytes } = await get(`/dist/${ARCHIVE}`, {}, 'HEAD')
  assert.deepEqual([status, headers['content-length'], headers['etag'], bytes.length], [200, '200000', `"${sha256}"`, 0])
})

const NOWHERE = [
  '/dist/',
  '/dist',
  '/dist/secret',
  '/dist/../secret',
  '/dist/%2e%2e/secret',
  '/dist/..%2fsecret',
  '/dist/%2e%2e%2f%2e%2e%2fetc%2fpasswd',
  '/dist/bramble-0.4.0-linux-arm64.tar.zst',
  '/dist/bramble-0.5.0-linux-arm64.tar.zst',
  '/dist/bramble-9.9.9-linux-arm64.tar.zst',
  `/dist/${ARCHIVE}.json`,
  `/dist/${ARCHIVE}%00`,
  `/dist/${ARCHIVE}/x`,
  `/dist/x/${ARCHIVE}`,
  `/dist//${ARCHIVE}`,
  `//dist/${ARCHIVE}`,
  '/install.sh/x',
  '/install.sh%20',
  '/install',
]
for (const path of NOWHERE)
  test(`there is nothing for anybody at ${path}`, async (t) => {
    const { port } = await server(t)
    // as it is, unlike clients that tidy paths up
    const socket = connect({ host: HOST, port, rejectUnauthorized: false })
    await once(socket, 'secureConnect')
    socket.write(`GET ${path} HTTP/1.1\r\nhost: ${HOST}\r\nconnection: close\r\n\r\n`)
    const answer = Buffer.concat(await socket.toArray()).toString()
    assert.match(answer, /^HTTP\/1.1 (403|404|400) /)
    assert.ok(!/nobody reads this|root:|copied by hand/.test(answer), answer)
  })

for (const method of ['POST', 'PUT', 'DELETE', 'PATCH'])
  test(`nobody may ${method} a release or the installer`, async (t) => {
    const { get } = await server(t)
    for (const path of ['/install.sh', '/dist/index.json', `/dist/${ARCHIVE}`])
      assert.equal((await get(path, {}, method)).status, 403, path)
  })

test('the installer names the address that was asked for, if the certificate is good for it, and the key of this server', async (t) => {
  const { get, port } = await server(t)
  const script = (address: string): string => `#!/bin/sh\nserver='https://${address}:6443'\npin='${pin}'\n`
  for (const [host, address] of [
    [`${HOST}:${port}`, HOST],
    ['localhost', 'localhost'],
    ['evil.example', '192.0.2.1'],
    [`x';reboot;'`, '192.0.2.1'],
    ['localhost.evil.example', '192.0.2.1'],
  ] as const) {
    const { status, headers, text } = await get('/install.sh', { host })
    if (status === 400) continue // no host name at all
    assert.deepEqual([status, headers['content-type'], text], [200, 'text/x-shellscript; charset=utf-8', script(address)], host)
  }
})

test('without a script there is no installer', async (t) => {
  const { get } = await server(t, join(folder, 'none.sh'))
  assert.equal((await get('/install.sh')).status, 404)
})

test('a client that takes nothing is given up, and its place is free again; a few at once are enough for one address', async (t) => {
  const { open, get, clock } = await server(t)
  const slow = await Promise.all(Array.from({ length: 8 }, () => open(`/dist/${LARGE}`)))
  for (const { response } of slow) response.on('error', () => {})
  const refused = await get(`/dist/${ARCHIVE}`)
  assert.deepEqual([refused.status, refused.headers['retry-after']], [429, '5'])
  assert.equal((await get('/dist/index.json')).status, 200)
  assert.equal((await get(`/dist/${ARCHIVE}`, {}, 'HEAD')).status, 200)
  // until none of them is sent any more: each waits for its client
  for (let status: number | undefined = 429; status !== 200; ) {
    await clock.advance(31_000)
    status = (await get(`/dist/${ARCHIVE}`)).status
  }
  for (const { response } of slow) response.destroy()
})

test('a large archive goes through whole', async (t) => {
  const { open } = await server(t)
  const { body } = await open(`/dist/${LARGE}`)
  let size = 0
  for await (const chunk of body) size += (chunk as Buffer).length
  assert.equal(size, LARGE_BYTES)
})

const curl = async (port: number, key: string, ...args: readonly string[]) =>
  promisify(execFile)('curl', ['-fsSLk', '--pinnedpubkey', key, ...args.map((arg) => arg.replace('@', `https://${HOST}:${port}`))], {
    encoding: 'buffer',
  })

const noCurl = spawnSync('curl', ['--version']).error ? 'curl is not here' : false
test('curl that does not know the authority takes what has the pinned key, and nothing else; it goes on where it was cut off', {
  skip: noCurl,
}, async (t) => {
  const { port } = await server(t)
  const { stdout } = await curl(port, pin, '@/install.sh')
  assert.match(stdout.toString(), /^#!\/bin\/sh\n/)
  const { certificate } = (await testPki('theirs')).server
  await assert.rejects(curl(port, publicKeyPin(certificate), '@/install.sh'), /pinned public key/)

  const part = join(folder, 'part')
  await writeFile(part, content.subarray(0, 70_001))
  await curl(port, pin, '-C', '-', '-o', part, `@/dist/${ARCHIVE}`)
  assert.ok((await readFile(part)).equals(content))
})

test('the script of this repository is one that a shell can read', async (t) => {
  const script = join(import.meta.dirname, '../../../../provisioning/node/install.sh')
  const { get } = await server(t, script)
  const { text } = await get('/install.sh')
  assert.ok(!/@[A-Z]+@/.test(text))
  assert.ok(text.includes(pin))
  execFileSync('sh', ['-n'], { input: text })
})
