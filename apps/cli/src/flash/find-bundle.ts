import { createHash } from 'node:crypto'
import { createWriteStream, existsSync } from 'node:fs'
import { mkdir, readFile, rename, rm } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { get } from 'node:https'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { ReleaseFolder } from '@bramble/provisioning/release/release-folder'
import type { Cluster } from '../cluster.ts'
import { UsageError } from '../fail.ts'
import { VERSION } from '../version.ts'

const NAME = `bramble-${VERSION}-linux-arm64.tar.zst`
const LIMIT_MS = 30_000

/** A line of the control plane's `/dist/index.json`. */
interface Release {
  readonly version: string
  readonly arch: string
  readonly file: string
  readonly sha256: string
}

/**
 * The release of this version for Pis: made here, imported here, or asked of the control plane; that one is kept for the next card.
 *
 * @throws UsageError when nobody has it.
 */
export async function findBundle(
  { built, imported }: { readonly built: string; readonly imported: string },
  cluster: Cluster | undefined,
  say: (text: string) => void,
): Promise<string> {
  const [here, kept] = [join(built, NAME), await new ReleaseFolder(imported).find(NAME)]
  if (existsSync(here)) return here
  if (kept) return join(imported, kept.file)
  if (!cluster) throw new UsageError(`no release for the Pi: ${NAME} is neither in ${built} nor in ${imported}; ${WAYS}`)
  try {
    return await download(cluster, say)
  } catch (error) {
    throw new UsageError(`no release for the Pi: ${NAME} is not in ${built}, and ${(error as Error).message}; ${WAYS}`)
  }
}

const WAYS = '"npm run release" makes one, --bundle FILE names one, --no-bundle is for images that have it inside'

async function download(cluster: Cluster, say: (text: string) => void): Promise<string> {
  const index = JSON.parse(await textOf(await fetched(cluster, '/dist/index.json'))) as readonly Release[]
  const release = index.find(({ version, arch }) => version === VERSION && arch === 'arm64')
  if (!release) throw new Error(`the control plane has none of version ${VERSION} for arm64`)
  const folder = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'bramble')
  const path = join(folder, NAME)
  if (
    existsSync(path) &&
    createHash('sha256')
      .update(await readFile(path))
      .digest('hex') === release.sha256
  )
    return path
  say(`fetching ${NAME} from ${cluster.server}`)
  await mkdir(folder, { recursive: true })
  const part = `${path}.${process.pid}.part`
  const hash = createHash('sha256')
  try {
    await pipeline(
      await fetched(cluster, `/dist/${encodeURIComponent(release.file)}`),
      async function* (source: AsyncIterable<Buffer>) {
        for await (const chunk of source) {
          hash.update(chunk)
          yield chunk
        }
      },
      createWriteStream(part),
    )
    if (hash.digest('hex') !== release.sha256) throw new Error('it came with another checksum; try again')
    await rename(part, path)
  } finally {
    await rm(part, { force: true })
  }
  return path
}

/** Anybody may read these pages; the authority of the kubeconfig says that it is the control plane. */
const fetched = ({ server, authority }: Cluster, path: string): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const request = get(`${server}${path}`, { ca: authority, timeout: LIMIT_MS }, (response) => {
      if (response.statusCode === 200) return resolve(response)
      response.resume()
      reject(new Error(`${server}${path} answers ${response.statusCode}`))
    })
    request.on('timeout', () => request.destroy(new Error(`no answer within ${LIMIT_MS / 1000} s`)))
    request.on('error', reject)
  })

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}
