import { open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { KeptRelease, ReleaseFolder } from '@bramble/provisioning/release/release-folder'
import type { Env } from '@bramble/reconcile/env'
import type { Hono } from 'hono'
import { DOWNLOAD_LIMITS, Slots } from '../slots.ts'
import { rangeOf } from '../byte-range.ts'
import { sendPart } from '../file-stream.ts'
import type { HttpContext, HttpEnv } from '../http-env.ts'
import { RawStream } from '../raw-stream.ts'
import { type Headers, respondJson } from '../respond.ts'

/** What a machine needs that knows nothing of the cluster yet but where it is. */
export interface Distribution {
  readonly releases: ReleaseFolder
  /** Path of the script that makes a machine a node; undefined: there is none. */
  readonly installer: string | undefined
  /** Where machines reach this one, e.g. `https://192.168.1.10:6443`, unless they asked for one of `names`. */
  readonly server: string
  /** Names and addresses that the server's certificate is good for. */
  readonly names: readonly string[]
  /** Of the server's public key, as curl takes it: `sha256//…`. */
  readonly pin: string
}

interface DistDeps {
  readonly env: Env
  /** Aborts when the server stops. */
  readonly stop?: AbortSignal | undefined
}

const NOT_FOUND = '404 page not found\n'
const REVALIDATE = 'no-cache'

/**
 * `/install.sh`, `/dist/index.json` and `/dist/<archive>`: for anybody, since nothing of it is secret, and who takes it checks the
 * server's key first.
 */
export function distRoutes(app: Hono<HttpEnv>, distribution: Distribution, deps: DistDeps): void {
  const { releases } = distribution
  const slots = new Slots(DOWNLOAD_LIMITS)

  app.get('/install.sh', async (c) => {
    const script = distribution.installer === undefined ? undefined : await readIfThere(distribution.installer)
    if (script === undefined) return c.text(NOT_FOUND, 404)
    const text = script.replaceAll('@SERVER@', serverFor(c, distribution)).replaceAll('@PIN@', distribution.pin)
    return c.body(text, 200, { 'content-type': 'text/x-shellscript; charset=utf-8', 'cache-control': REVALIDATE })
  })

  app.get('/dist/index.json', async (c) => {
    const all = await releases.list()
    return respondJson(
      c,
      all.map(({ version, arch, file, sizeBytes, sha256 }) => ({ version, arch, file, sizeBytes, sha256 })),
    )
  })

  app.get('/dist/:file', async (c) => {
    const release = await releases.find(c.req.param('file'))
    return release ? sendArchive(c, releases, release, slots, deps) : c.text(NOT_FOUND, 404)
  })
}

/** The address that was asked for, if the certificate is good for it: a machine may have several. What a client says goes into a script. */
function serverFor(c: HttpContext, { server, names }: Distribution): string {
  const host = new URL(c.req.url).hostname
  return names.includes(host) ? `https://${host}:${new URL(server).port || '443'}` : server
}

async function sendArchive(
  c: HttpContext,
  releases: ReleaseFolder,
  { file, sizeBytes, sha256 }: KeptRelease,
  slots: Slots,
  { env: { clock, log }, stop }: DistDeps,
): Promise<Response> {
  const etag = `"${sha256}"`
  const headers: Headers = { etag, 'accept-ranges': 'bytes', 'cache-control': REVALIDATE, 'content-type': 'application/zstd' }
  if (isKnown(c.req.header('if-none-match'), etag)) return c.body(null, 304, headers)
  const ifRange = c.req.header('if-range')
  const range = ifRange === undefined || ifRange === etag ? rangeOf(c.req.header('range'), sizeBytes) : 'whole'
  if (range === 'none') return c.body(null, 416, { ...headers, 'content-range': `bytes */${sizeBytes}` })
  const { start, end } = range === 'whole' ? { start: 0, end: sizeBytes } : range
  const all: Headers = { ...headers, 'content-length': String(end - start) }
  if (range !== 'whole') all['content-range'] = `bytes ${start}-${end - 1}/${sizeBytes}`
  const status = range === 'whole' ? 200 : 206
  if (c.req.method === 'HEAD') return c.body(null, status, all)
  const leave = slots.take(c.env?.incoming?.socket.remoteAddress ?? '')
  try {
    const opened = await open(join(releases.path, file), 'r')
    const stream = new RawStream(c, clock, stop)
    void sendPart(opened, start, end, stream)
      .catch((error: Error) => log.warn('a release could not be sent', { file, error: error.message }))
      .finally(async () => {
        leave()
        await opened.close()
        await stream.end()
      })
    return stream.open(all, status)
  } catch (error) {
    leave()
    throw error
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
    return undefined
  })
}

const isKnown = (header: string | undefined, etag: string): boolean =>
  header !== undefined && header.split(',').some((each) => each.trim().replace(/^W\//, '') === etag || each.trim() === '*')
