import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'

export const LAUNCHER = join(import.meta.dirname, 'launcher')
/** What changes something on the disk, and is therefore where a power cut may fall. */
const CHANGES = ['cp', 'chmod', 'ln', 'mkdir', 'mv', 'rm', 'sync']
const PROVES_ITSELF = '"$BRAMBLE_LAUNCHER" agent commit'
const RUN_MS_MAX = 60_000

export interface Launched {
  /** null when the power was cut. */
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A machine's /opt/bramble, with releases that are scripts. */
export class LauncherBench {
  readonly root = mkdtempSync(join(tmpdir(), 'bramble-launcher-'))
  readonly #shims = join(this.root, '.shims')

  constructor() {
    for (const folder of ['releases', 'agent']) mkdirSync(join(this.root, folder))
    mkdirSync(this.#shims)
    this.#script(join(this.#shims, 'sleep'), '#!/bin/sh\nexec /bin/sleep 0.02\n') // between two looks at a release on trial
    for (const name of CHANGES) this.#script(join(this.#shims, name), SHIM.replaceAll('NAME', name))
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true, force: true })
  }

  /** @param script What its program does; default: it is well, says so, and ends. */
  release(version: string, script = PROVES_ITSELF, more: Readonly<Record<string, string>> = {}): void {
    const files: Record<string, string> = {
      'bin/bramble': `#!/bin/sh\necho ran ${version}\n${script}\n`,
      'release.json': JSON.stringify({ version }),
      ...more,
    }
    const folder = join(this.root, 'releases', version)
    for (const [path, text] of Object.entries(files)) this.#script(join(folder, path), text)
    const sums = Object.entries(files).map(([path, text]) => `${createHash('sha256').update(text).digest('hex')}  ${path}\n`)
    writeFileSync(join(folder, 'SHA256SUMS'), sums.join(''))
  }

  /** `launcher agent …`. @param cutAt The power goes before the so-manieth change. */
  launch(args: readonly string[], cutAt = 0): Launched {
    rmSync(join(this.#shims, 'count'), { force: true })
    const { status, stdout, stderr } = spawnSync('setsid', [LAUNCHER, 'agent', ...args], { ...this.#options(cutAt), timeout: RUN_MS_MAX })
    return { exitCode: status, stdout, stderr }
  }

  /** `launcher agent run` that goes on. */
  start() {
    return spawn(LAUNCHER, ['agent', 'run'], { ...this.#options(0), stdio: ['ignore', 'pipe', 'ignore'] })
  }

  /** The version that runs next. */
  link(name: 'current' | 'previous'): string | undefined {
    const path = join(this.root, 'agent', name)
    return existsSync(path) ? basename(readlinkSync(path)) : undefined
  }

  point(name: 'current' | 'previous', version: string): void {
    const path = join(this.root, 'agent', name)
    rmSync(path, { force: true })
    symlinkSync(`../releases/${version}`, path)
  }

  /** Text of a file below the root; undefined when it is not there. */
  read(path: string): string | undefined {
    return existsSync(join(this.root, path)) ? readFileSync(join(this.root, path), 'utf8') : undefined
  }

  write(path: string, text: string): void {
    mkdirSync(join(this.root, path, '..'), { recursive: true })
    writeFileSync(join(this.root, path), text)
  }

  remove(path: string): void {
    rmSync(join(this.root, path), { recursive: true })
  }

  #options(cutAt: number) {
    const env = { PATH: `${this.#shims}:${process.env['PATH']}`, BRAMBLE_ROOT: this.root, SHIMS: this.#shims, CUT_AT: String(cutAt) }
    return { env, encoding: 'utf8' } as const
  }

  #script(path: string, text: string): void {
    mkdirSync(join(path, '..'), { recursive: true })
    writeFileSync(path, text)
    chmodSync(path, 0o755)
  }
}

/** Counts, and ends its whole session in the place of the change that is due. What was not synced is empty then. */
const SHIM = `#!/bin/sh
PATH=\${PATH#*:}
read -r n <"$SHIMS/count" 2>/dev/null || n=0
echo $((n + 1)) >"$SHIMS/count"
if [ $((n + 1)) = "$CUT_AT" ]; then
  case NAME.\${1:-} in sync.*.part) [ ! -f "$1" ] || : >"$1" ;; esac
  kill -KILL 0
fi
exec NAME "$@"
`
