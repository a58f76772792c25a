import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { binBramble } from './programs.ts'

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs `bramble` to its end, as a person would. */
export const bramble = (...args: readonly string[]): Promise<Ended> =>
  new Promise((resolve) => {
    execFile(process.execPath, [binBramble, ...args], { timeout: 30_000 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : null, stdout, stderr })
    })
  })

/** A test, or its file: `{ after }` of node:test. */
interface Scope {
  after(cleanUp: () => Promise<void>): void
}

export async function temporaryFolder(t: Scope): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-cli-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** Ports that nobody listens on. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => (server.address() as { port: number }).port)
  await Promise.all(servers.map((server) => once(server.close(), 'close')))
  return ports
}

/** Flags of a control plane that is reached on loopback alone. */
export async function serverFlags(folder: string): Promise<readonly string[]> {
  const [api, mqtt, stream] = await freePorts(3)
  return [
    '--data-dir',
    folder,
    '--listen-address',
    '127.0.0.1',
    '--advertise-address',
    '127.0.0.1',
    '--api-port',
    `${api}`,
    '--mqtt-port',
    `${mqtt}`,
    '--stream-port',
    `${stream}`,
  ]
}

export interface Running {
  readonly child: ChildProcess
  /** Resolves when the API answers; rejects when the program ends before. */
  readonly ready: Promise<void>
  readonly ended: Promise<Ended>
}

/** Starts `bramble server` and leaves it running until the test ends. */
export function startServer(t: Scope, ...flags: readonly string[]): Running {
  const child = spawn(process.execPath, [binBramble, 'server', ...flags], { stdio: ['ignore', 'ignore', 'pipe'] })
  const lines: string[] = []
  const { promise: ready, resolve, reject } = Promise.withResolvers<void>()
  ready.catch(() => {}) // whoever wants to know waits for it
  createInterface({ input: child.stderr }).on('line', (line) => {
    lines.push(line)
    if (line.includes('"Kubernetes API"')) resolve()
  })
  const ended = once(child, 'close').then(([code]) => {
    const stderr = lines.join('\n')
    reject(new Error(`bramble server ended with ${code}:\n${stderr}`))
    return { code: code as number | null, stdout: '', stderr }
  })
  t.after(async () => {
    child.kill('SIGKILL')
    await ended
  })
  return { child, ready, ended }
}
