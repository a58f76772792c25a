import { X509Certificate } from 'node:crypto'
import { accessSync, constants, readdirSync, readFileSync, statfsSync, statSync } from 'node:fs'
import { hostname, machine } from 'node:os'
import { dirname, join } from 'node:path'
import type { Clock } from '@bramble/reconcile/env'
import { runCommand } from '../host/exec.ts'
import { readNow } from '../host/read-now.ts'
import type { Host, HostDisk, HostSettings } from './host.ts'

const PROGRAMS: Readonly<Record<string, string>> = {
  iptables: '--version',
  podman: '--version',
  crun: '--version',
  runc: '--version',
  conmon: '--version',
  containerd: '--version',
}
const VERSION_MS_MAX = 10_000

/** The machine that this runs on. Files are read when they are asked for: small ones, a dozen, seldom. */
export class RealHost implements Host {
  readonly hostname = hostname().toLowerCase()
  readonly architecture = process.arch
  readonly machine = machine()
  readonly nowMs: number
  readonly settings: HostSettings
  readonly #versions: ReadonlyMap<string, string>

  constructor(settings: HostSettings, clock: Clock, versions: ReadonlyMap<string, string> = new Map()) {
    this.settings = settings
    this.nowMs = clock.nowMs()
    this.#versions = versions
  }

  text(path: string): string | undefined {
    if (path.startsWith('/proc/') || path.startsWith('/sys/')) return isThere(path) ? readNow(path) : undefined
    try {
      return readFileSync(path, 'utf8')
    } catch {
      return undefined
    }
  }

  names(folder: string): readonly string[] {
    try {
      return readdirSync(folder)
    } catch {
      return []
    }
  }

  /** Of the folder, or of the one in which it would be made. */
  disk(folder: string): HostDisk | undefined {
    const there = nearest(folder)
    try {
      const { bavail, blocks, bsize } = statfsSync(there)
      return { availableBytes: bavail * bsize, capacityBytes: blocks * bsize, isReadOnly: isReadOnly(there) }
    } catch {
      return undefined
    }
  }

  version(program: string): string | undefined {
    return this.#versions.get(program)
  }
}

/** What programs say of themselves: starts each of them once. */
export async function askVersions(): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>()
  for (const [program, flag] of Object.entries(PROGRAMS))
    try {
      const { stdout } = await runCommand(program, [flag], { timeoutMs: VERSION_MS_MAX, exitCodes: 'any' })
      found.set(program, stdout.split('\n')[0] ?? '')
    } catch {
      // not installed
    }
  return found
}

/** What is known without a question. @param dataDirectory Of everything that is kept. */
export function hostSettings(given: Pick<HostSettings, 'dataDirectory' | 'runtime' | 'localPort'>, programPath: string): HostSettings {
  const certifiedAtMs = certifiedAt(join(given.dataDirectory, 'agent', 'identity', 'node.crt'))
  return {
    ...given,
    builtAtMs: isThere(programPath) ? statSync(programPath).mtimeMs : 0,
    ...(certifiedAtMs !== undefined && { certifiedAtMs }),
  }
}

function certifiedAt(path: string): number | undefined {
  try {
    return new X509Certificate(readFileSync(path)).validFromDate.getTime()
  } catch {
    return undefined // it has not joined yet
  }
}

const isThere = (path: string): boolean => statSync(path, { throwIfNoEntry: false }) !== undefined

const nearest = (folder: string): string => (isThere(folder) || folder === dirname(folder) ? folder : nearest(dirname(folder)))

function isReadOnly(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EROFS'
  }
}
