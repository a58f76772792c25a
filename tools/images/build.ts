// Builds the images that need no registry: `localhost/hello` for the first success, `localhost/busybox` for tests.
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { busyboxFiles } from './busybox.ts'
import { type ImageArchive, imageArchive, type ImageConfig } from './image-archive.ts'
import type { TarEntry } from './tar.ts'

export const HELLO_IMAGE = 'localhost/hello:latest'
export const BUSYBOX_IMAGE = 'localhost/busybox:latest'
export const HELLO_PORT = 8080

export interface BuildOptions {
  /** Names to build. Default: all. */
  readonly names?: readonly string[]
  /** Flags before podman's command, e.g. `--root`. */
  readonly podmanFlags?: readonly string[]
}
export interface BuiltImage {
  readonly name: string
  readonly id: string
  /** false: it was there already. */
  readonly loaded: boolean
}

/**
 * Builds images from the static busybox of this machine and loads them into Podman; one that is there with the same content is left
 * alone.
 *
 * @throws Error when busybox-static or podman is missing; the message says how to install it.
 */
export async function buildImages({
  names = [HELLO_IMAGE, BUSYBOX_IMAGE],
  podmanFlags = [],
}: BuildOptions = {}): Promise<readonly BuiltImage[]> {
  const built: BuiltImage[] = []
  for (const name of names) {
    const image = await archiveOf(name)
    const present = await idInPodman(name, podmanFlags)
    if (present !== image.id) await load(image, podmanFlags)
    built.push({ name, id: image.id, loaded: present !== image.id })
  }
  return built
}

/** One of the images as an archive. */
export async function archiveOf(name: string): Promise<ImageArchive> {
  const recipe = RECIPES[name]
  if (!recipe) throw new Error(`image "${name}" is not one of ${Object.keys(RECIPES).join(', ')}`)
  const files = [...(await busyboxFiles()), ...recipe.files]
  return imageArchive(name, files, recipe.config, process.arch === 'x64' ? 'amd64' : process.arch)
}

const env = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' }
const script = (path: string, lines: readonly string[]): TarEntry => ({
  path,
  type: 'file',
  mode: 0o755,
  data: Buffer.from(`${lines.join('\n')}\n`),
})

/** httpd as process 1 would not hear SIGTERM, so a shell does. */
const SERVE = [
  '#!/bin/sh',
  `httpd -f -v -p ${HELLO_PORT} -h /www &`,
  'trap "kill $!; exit 0" TERM INT',
  `echo "hello: serving on port ${HELLO_PORT}"`,
  'wait $!',
]
const PAGE = [
  '#!/bin/sh',
  'ip=${POD_IP:-$(ip -4 -o addr show dev eth0 2>/dev/null | sed "s/.*inet \\([0-9.]*\\).*/\\1/")}',
  'printf "Content-Type: text/plain\\r\\n\\r\\n"',
  'echo "Hello from pod ${POD_NAME:-$(hostname)} on node ${NODE_NAME:-unknown}, address ${ip:-unknown}."',
  'client=${REMOTE_ADDR#[[]::ffff:}',
  'echo "You are ${client%]}."',
]

const RECIPES: Readonly<Record<string, { readonly files: readonly TarEntry[]; readonly config: ImageConfig }>> = {
  [HELLO_IMAGE]: {
    files: [
      { path: 'www', type: 'folder', mode: 0o755 },
      { path: 'www/cgi-bin', type: 'folder', mode: 0o755 },
      script('bin/serve', SERVE),
      script('www/cgi-bin/index.cgi', PAGE),
    ],
    config: { command: ['/bin/serve'], env, ports: [`${HELLO_PORT}/tcp`], labels: { 'org.opencontainers.image.title': 'hello' } },
  },
  [BUSYBOX_IMAGE]: { files: [], config: { command: ['/bin/sh'], env, labels: { 'org.opencontainers.image.title': 'busybox' } } },
}

const LOAD_MS_MAX = 120_000

async function idInPodman(name: string, flags: readonly string[]): Promise<string | undefined> {
  const found = await podman([...flags, 'images', '--no-trunc', '--quiet', '--filter', `reference=${name}`])
  return found.trim().split('\n')[0] || undefined
}

async function load(image: ImageArchive, flags: readonly string[]): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-image-'))
  try {
    const file = join(folder, 'image.tar')
    await writeFile(file, image.bytes)
    await podman([...flags, 'load', '--quiet', '--input', file])
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function podman(args: readonly string[]): Promise<string> {
  try {
    return (await promisify(execFile)('podman', args, { timeout: LOAD_MS_MAX })).stdout
  } catch (error) {
    const { code, stderr } = error as NodeJS.ErrnoException & { stderr?: string }
    if (code === 'ENOENT') throw new Error('podman is not installed: apt-get install podman', { cause: error })
    throw new Error(`podman ${args.at(-1)}: ${stderr?.trim() || (error as Error).message}`, { cause: error })
  }
}

if (import.meta.main)
  for (const { name, id, loaded } of await buildImages()) console.log(`${name} ${id} ${loaded ? 'built' : 'is up to date'}`)
