import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, open, readdir, rm, stat, statfs } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { Log } from '@bramble/reconcile/env'
import { isMissing } from '../host/files.ts'
import { DamagedRelease } from './releases.ts'

/** Where this node's cluster keeps releases. */
export interface ReleaseServer {
  /** URL of the control plane. */
  readonly server: string
  /** PEM, the newest ones. */
  readonly credentials: () => { readonly key: string; readonly certificate: string; readonly authority: string }
  /** As Node.js calls the processor. */
  readonly arch: string
}

/** A line of the server's list. */
interface Published {
  readonly version: string
  readonly arch: string
  readonly file: string
  readonly sizeBytes: number
  readonly sha256: string
}

/** Its certificate is for this name, whatever the address. */
const SERVER_NAME = 'bramble-control-plane'
const INDEX_BYTES_MAX = 4 << 20
/** A link that is silent for so long is cut. */
const SILENCE_MS_MAX = 60_000
/** What a release unpacks to, beside its archive; and what a card needs besides. */
const UNPACKED_TIMES = 5
const SPARE_BYTES = 64 << 20

/**
 * Brings the archive of a release into `folder` and returns its path: goes on where an earlier try was cut, also by the loss of power.
 * What it is told by the server's list is what it must be; anything else is removed.
 *
 * @throws DamagedRelease; else an Error that says why, for people, or what the network threw. It may be tried again.
 */
export async function fetchRelease(version: string, folder: string, from: ReleaseServer, log: Log, signal: AbortSignal): Promise<string> {
  await mkdir(folder, { recursive: true, mode: 0o755 })
  const published = await find(version, from, signal)
  const name = `.${version}-${published.sha256.slice(0, 8)}.tar.zst`
  await removeOthers(folder, name)
  const path = join(folder, name)
  const { sizeBytes } = published
  let haveBytes = await sizeOf(path)
  if (haveBytes > sizeBytes) {
    await rm(path)
    haveBytes = 0
  }
  await refuseFullDisk(folder, sizeBytes * (1 + UNPACKED_TIMES) - haveBytes)
  if (haveBytes < sizeBytes) {
    log.info('a release is fetched', { version, sizeBytes, haveBytes })
    await download(path, haveBytes, published, from, signal)
  }
  const sha256 = await digestOf(path)
  if (sha256 === published.sha256) return path
  await rm(path)
  throw new DamagedRelease(`its archive is damaged: it has the SHA-256 ${sha256} and should have ${published.sha256}`)
}

async function find(version: string, from: ReleaseServer, signal: AbortSignal): Promise<Published> {
  const response = await get('/dist/index.json', {}, from, signal)
  if (response.statusCode !== 200) throw await refusal('the list of releases', response)
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) {
    text += chunk as string
    if (text.length > INDEX_BYTES_MAX) throw new Error('the list of releases is too long')
  }
  const list = JSON.parse(text) as readonly Partial<Published>[]
  const found = list.find((each) => each.version === version && each.arch === from.arch)
  if (!found)
    throw new Error(`the control plane has no release ${version} for ${from.arch}; "bramble release import" on the control plane adds it`)
  if (!isPublished(found)) throw new Error(`the control plane says nothing sensible about release ${version}`)
  return found
}

const isPublished = (it: Partial<Published>): it is Published =>
  /^\w[\w.+-]*$/.test(it.file ?? '') && Number.isSafeInteger(it.sizeBytes) && it.sizeBytes! > 0 && /^[0-9a-f]{64}$/.test(it.sha256 ?? '')

async function download(path: string, haveBytes: number, { file, sizeBytes }: Published, from: ReleaseServer, signal: AbortSignal) {
  const headers = haveBytes > 0 ? { range: `bytes=${haveBytes}-` } : undefined
  const response = await get(`/dist/${file}`, headers ?? {}, from, signal)
  const goesOn = response.statusCode === 206 && response.headers['content-range']?.startsWith(`bytes ${haveBytes}-`) === true
  if (!goesOn && response.statusCode !== 200) throw await refusal(file, response)
  await pipeline(response, createWriteStream(path, { flags: goesOn ? 'a' : 'w', mode: 0o644 }), { signal })
  const gotBytes = await sizeOf(path)
  if (gotBytes < sizeBytes) throw new Error(`the control plane ended the download after ${gotBytes} of ${sizeBytes} bytes`)
  const written = await open(path, 'r+')
  await written.sync()
  await written.close()
}

/** Its body must be read or destroyed. */
function get(path: string, headers: Readonly<Record<string, string>>, from: ReleaseServer, signal: AbortSignal): Promise<IncomingMessage> {
  const { key, certificate, authority } = from.credentials()
  return new Promise((resolve, reject) => {
    const asked = request(
      new URL(path, from.server),
      {
        ...{ key, cert: certificate, ca: authority, servername: SERVER_NAME, headers, signal },
        agent: false,
        timeout: SILENCE_MS_MAX,
      },
      resolve,
    )
    asked.on('timeout', () => asked.destroy(new Error(`the control plane said nothing for ${SILENCE_MS_MAX / 1000} s`)))
    asked.on('error', reject)
    asked.end()
  })
}

async function refusal(what: string, response: IncomingMessage): Promise<Error> {
  response.destroy()
  return new Error(`the control plane does not give ${what}: status ${response.statusCode}`)
}

/** What was fetched, or half unpacked, for another version: nobody will want the rest. */
async function removeOthers(folder: string, name: string): Promise<void> {
  for (const each of await readdir(folder))
    if (each !== name && /^\..+(\.tar\.zst|\.part)$/.test(each)) await rm(join(folder, each), { recursive: true, force: true })
}

async function refuseFullDisk(folder: string, neededBytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder)
  const freeBytes = bavail * bsize
  if (freeBytes < neededBytes + SPARE_BYTES)
    throw new Error(`the disk of ${folder} has ${megabytes(freeBytes)} free, and ${megabytes(neededBytes + SPARE_BYTES)} are needed`)
}

const megabytes = (bytes: number): string => `${Math.ceil(bytes / 1e6)} MB`

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size
  } catch (error) {
    if (isMissing(error)) return 0
    throw error
  }
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}
