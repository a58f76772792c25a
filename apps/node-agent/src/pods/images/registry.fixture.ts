import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { type RequestOptions, request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { systemClock } from '@bramble/reconcile/env'
import { busyboxFiles } from '../../../../../tools/images/busybox.ts'
import { tar, type TarEntry } from '../../../../../tools/images/tar.ts'
import { runCommand, startDetached } from '../../host/exec.ts'

// For tests: Debian's docker-registry on loopback, and images to put into it. It knows no container runtime.

/** Of a registry that asks for a login; its `htpasswd` file holds the bcrypt of the password. */
export const LOGIN = { username: 'anna', password: 'correct-horse' }
const HTPASSWD = 'anna:$2b$04$JUBI3dHaOFTaQpiilyKF2.o73OMImK7/2m1FniXJIRaHIePNFyRhO\n'
const START_MS_MAX = 20_000

export interface RegistryOptions {
  readonly login?: true
  readonly tls?: true
  /** One of loopback. Default 127.0.0.1. */
  readonly host?: string
}

export interface Registry {
  readonly port: number
  /** `<host>:<port>`. */
  readonly address: string
  /** PEM of the authority that signed its certificate; undefined without TLS. */
  readonly authority: string | undefined
  /** Puts an image there. @returns its digest. */
  push(repository: string, tag: string, image: TestImage): Promise<string>
}

export interface TestImage {
  readonly layers: readonly Buffer[]
  readonly architecture?: string
  readonly user?: string
}

/** Runs until the test ends. */
export async function startRegistry(t: Pick<TestContext, 'after'>, options: RegistryOptions = {}): Promise<Registry> {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-registry-'))
  const { host = '127.0.0.1' } = options
  const port = await freePort(host)
  const authority = options.tls ? await makeCertificate(folder) : undefined
  await writeFile(join(folder, 'htpasswd'), HTPASSWD, { mode: 0o600 })
  await writeFile(join(folder, 'config.json'), JSON.stringify(settings(folder, `${host}:${port}`, options)))
  const child = startDetached('docker-registry', ['serve', join(folder, 'config.json')], { outputPath: join(folder, 'log') })
  t.after(async () => {
    process.kill(child.pid, 'SIGKILL')
    await child.ended
    await rm(folder, { recursive: true })
  })
  const place: Place = { host, port, ...(authority !== undefined && { authority }), ...(options.login && LOGIN) }
  for (const untilMs = performance.now() + START_MS_MAX; ; ) {
    const answer = await send(place, 'GET', '/v2/').catch(() => undefined)
    if (answer?.status === 200) break
    if (performance.now() > untilMs) assert.fail(`the registry does not answer: ${await readFile(join(folder, 'log'), 'utf8')}`)
    await systemClock.sleep(50)
  }
  return { port, address: `${host}:${port}`, authority, push: (repository, tag, image) => push(place, repository, tag, image) }
}

/** A layer that is about so large, on the wire as well. */
export const noise = (name: string, sizeBytes: number): Buffer =>
  tar([{ path: name, type: 'file', mode: 0o644, data: randomBytes(sizeBytes) }])

export const layerOf = (files: readonly TarEntry[]): Buffer => tar(files)

/** A small system that can run. */
export const busyboxLayer = async (): Promise<Buffer> => tar(await busyboxFiles())

/** A port that nobody listens on. */
async function freePort(host: string): Promise<number> {
  const server = createServer().listen(0, host)
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

const settings = (folder: string, address: string, { login, tls }: RegistryOptions): unknown => ({
  version: '0.1',
  log: { level: 'warn', accesslog: { disabled: true } },
  storage: { filesystem: { rootdirectory: join(folder, 'data') } },
  http: {
    addr: address,
    secret: 'test',
    ...(tls && { tls: { certificate: join(folder, 'server.crt'), key: join(folder, 'server.key') } }),
  },
  ...(login && { auth: { htpasswd: { realm: 'bramble', path: join(folder, 'htpasswd') } } }),
})

async function makeCertificate(folder: string): Promise<string> {
  const at = (name: string): string => join(folder, name)
  const openssl = (words: string): Promise<unknown> => runCommand('openssl', words.split(' '), { cwd: folder })
  const key = '-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'
  await writeFile(at('names'), 'subjectAltName=IP:127.0.0.1\n')
  await openssl(`req -x509 ${key} -keyout ca.key -out ca.crt -days 2 -subj /CN=authority`)
  await openssl(`req ${key} -keyout server.key -out server.csr -subj /CN=registry`)
  await openssl('x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.crt')
  return readFile(at('ca.crt'), 'utf8')
}

// ── the registry's protocol, as far as it takes to put an image there ─────────

interface Place {
  readonly host: string
  readonly port: number
  readonly authority?: string
  readonly username?: string
  readonly password?: string
}
interface Answer {
  readonly status: number
  readonly location: string
}

const MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json'

async function push(place: Place, repository: string, tag: string, image: TestImage): Promise<string> {
  const config = Buffer.from(
    JSON.stringify({
      architecture: image.architecture ?? (process.arch === 'x64' ? 'amd64' : process.arch),
      os: 'linux',
      config: { Cmd: ['sleep', '1000'], Env: ['PATH=/bin'], ...(image.user !== undefined && { User: image.user }) },
      rootfs: { type: 'layers', diff_ids: image.layers.map(digestOf) },
    }),
  )
  for (const blob of [config, ...image.layers]) await pushBlob(place, repository, blob)
  const described = (mediaType: string, blob: Buffer): unknown => ({ mediaType, size: blob.length, digest: digestOf(blob) })
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST,
      config: described('application/vnd.docker.container.image.v1+json', config),
      layers: image.layers.map((layer) => described('application/vnd.docker.image.rootfs.diff.tar', layer)),
    }),
  )
  const answer = await send(place, 'PUT', `/v2/${repository}/manifests/${tag}`, manifest, MANIFEST)
  assert.equal(answer.status, 201)
  return digestOf(manifest)
}

async function pushBlob(place: Place, repository: string, blob: Buffer): Promise<void> {
  const { location } = await send(place, 'POST', `/v2/${repository}/blobs/uploads/`)
  const url = new URL(location, 'http://registry')
  url.searchParams.set('digest', digestOf(blob))
  assert.equal((await send(place, 'PUT', `${url.pathname}${url.search}`, blob, 'application/octet-stream')).status, 201)
}

export const digestOf = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`

function send(
  { host, port, authority, username, password }: Place,
  method: string,
  path: string,
  body?: Buffer,
  type?: string,
): Promise<Answer> {
  const options: RequestOptions = {
    host,
    port,
    method,
    path,
    ...(username !== undefined && { auth: `${username}:${password}` }),
    headers: { ...(type && { 'content-type': type }), 'content-length': body?.length ?? 0 },
  }
  return new Promise((resolve, reject) => {
    const request = authority === undefined ? httpRequest(options) : httpsRequest({ ...options, ca: authority })
    request.once('error', reject)
    request.once('response', (response) => {
      response.resume()
      response.once('end', () => resolve({ status: response.statusCode ?? 0, location: response.headers.location ?? '' }))
    })
    request.end(body)
  })
}
