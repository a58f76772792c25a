import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { binBramble, binSupervise, type ProgramName, programCommand, programEnvironment, root } from './programs.ts'
import { must, run, startDetached } from './run.ts'
import { BRAMBLE_COMMAND, ensureSlot, isInstalledRelease, OPT_FOLDER, slotCommand } from './slots.ts'
import { SHUTDOWN_UNIT, shutdownUnitText, UNIT_FOLDER, unitName, unitText } from './systemd-units.ts'

/** Keeps the two programs running: systemd units where systemd runs, else a detached supervisor. */
export interface Services {
  readonly kind: 'systemd' | 'supervisor'
  /** Its settings and what starts it at boot, without starting it now. */
  install(name: ProgramName, config: Record<string, unknown>): Promise<void>
  /** Starts it, or restarts it with the new settings. */
  start(name: ProgramName, config: Record<string, unknown>): Promise<void>
  /** Stops it and keeps it stopped over a reboot; not running = success. Pods go on. */
  stop(name: ProgramName): Promise<void>
  isRunning(name: ProgramName): Promise<boolean>
  /** How often it has ended by itself since it was started. */
  restarts(name: ProgramName): Promise<number>
  /** Where its log is, for people. */
  logHint(name: ProgramName): string
  /** Removes units and pid files of stopped programs. */
  forget(names?: readonly ProgramName[]): Promise<void>
}

export const PROGRAMS: readonly ProgramName[] = ['control-plane', 'node-agent']
const STOP_LIMIT_MS = 30_000

export const services = (dataDirectory: string): Services =>
  existsSync('/run/systemd/system') ? new SystemdServices(dataDirectory) : new SupervisedServices(dataDirectory)

/** Settings of a program as its service starts it; 0600, the folder is root's. */
const settingsFile = (dataDirectory: string, name: ProgramName): string => join(dataDirectory, `${name}.settings`)

async function writeSettings(dataDirectory: string, name: ProgramName, config: Record<string, unknown>): Promise<string> {
  await mkdir(dataDirectory, { recursive: true, mode: 0o755 })
  const path = settingsFile(dataDirectory, name)
  await rm(path, { force: true })
  const lines = Object.entries(programEnvironment(config)).map(([variable, value]) => `${variable}=${JSON.stringify(value)}\n`)
  await writeFile(path, lines.join(''), { mode: 0o600 })
  return path
}

/** How a service starts a program: an installed release through its launcher, which may return to the one before. */
async function serviceCommand(name: ProgramName): Promise<readonly string[]> {
  if (!isInstalledRelease(root)) return programCommand(name)
  await ensureSlot(name, root)
  return slotCommand(name)
}

class SystemdServices implements Services {
  readonly kind = 'systemd'
  readonly #dataDirectory: string
  constructor(dataDirectory: string) {
    this.#dataDirectory = dataDirectory
  }

  async start(name: ProgramName, config: Record<string, unknown>): Promise<void> {
    await this.install(name, config)
    await must('systemctl', ['restart', unitName(name)])
    if (name === 'node-agent') await must('systemctl', ['start', SHUTDOWN_UNIT])
  }
  async install(name: ProgramName, config: Record<string, unknown>): Promise<void> {
    const environment = await writeSettings(this.#dataDirectory, name, config)
    const writable = [this.#dataDirectory, OPT_FOLDER, '/var/cache/bramble']
    await writeFile(unitPath(name), unitText(name, { environment, command: await serviceCommand(name), writable }))
    const bramble = isInstalledRelease(root) ? BRAMBLE_COMMAND : binBramble // a release goes once it is two updates old
    if (name === 'node-agent') await writeFile(SHUTDOWN_UNIT_PATH, shutdownUnitText(bramble, config))
    await run('systemctl', ['daemon-reload']) // an image that is being made has no systemd yet
    await must('systemctl', ['enable', unitName(name)])
    if (name === 'node-agent') await must('systemctl', ['enable', SHUTDOWN_UNIT])
  }
  async stop(name: ProgramName): Promise<void> {
    if (existsSync(unitPath(name))) await must('systemctl', ['disable', '--now', unitName(name)])
    // not stopped: that would end the pods
    if (name === 'node-agent' && existsSync(SHUTDOWN_UNIT_PATH)) await must('systemctl', ['disable', SHUTDOWN_UNIT])
  }
  async isRunning(name: ProgramName): Promise<boolean> {
    return (await run('systemctl', ['is-active', '--quiet', unitName(name)])).exitCode === 0
  }
  async restarts(name: ProgramName): Promise<number> {
    return Number(/NRestarts=(\d+)/.exec((await run('systemctl', ['show', '-p', 'NRestarts', unitName(name)])).stdout)?.[1] ?? 0)
  }
  logHint(name: ProgramName): string {
    return `journalctl -u ${unitName(name)}`
  }
  async forget(names: readonly ProgramName[] = PROGRAMS): Promise<void> {
    if (names.includes('node-agent') && existsSync(SHUTDOWN_UNIT_PATH)) {
      await run('systemctl', ['disable', '--now', SHUTDOWN_UNIT])
      await rm(SHUTDOWN_UNIT_PATH, { force: true })
    }
    for (const name of names) await rm(unitPath(name), { force: true })
    await run('systemctl', ['daemon-reload'])
  }
}

const unitPath = (name: ProgramName): string => join(UNIT_FOLDER, unitName(name))
const SHUTDOWN_UNIT_PATH = join(UNIT_FOLDER, SHUTDOWN_UNIT)

class SupervisedServices implements Services {
  readonly kind = 'supervisor'
  readonly #dataDirectory: string
  constructor(dataDirectory: string) {
    this.#dataDirectory = dataDirectory
  }

  async start(name: ProgramName, config: Record<string, unknown>): Promise<void> {
    await this.stop(name)
    await this.install(name, config)
    await mkdir(this.#logFolder, { recursive: true, mode: 0o750 })
    await startDetached(binSupervise, [name, this.#logFolder, ...(await serviceCommand(name))], programEnvironment(config))
  }
  async install(name: ProgramName, config: Record<string, unknown>): Promise<void> {
    await writeSettings(this.#dataDirectory, name, config)
  }
  async stop(name: ProgramName): Promise<void> {
    const pid = await this.#pid(name)
    if (pid === undefined) return
    process.kill(pid, 'SIGTERM')
    for (let waitedMs = 0; await isAlive(pid); waitedMs += 100) {
      if (waitedMs >= STOP_LIMIT_MS) throw new Error(`${name} (pid ${pid}) did not stop within ${STOP_LIMIT_MS / 1000} s`)
      await delay(100)
    }
  }
  async isRunning(name: ProgramName): Promise<boolean> {
    return (await this.#pid(name)) !== undefined
  }
  async restarts(name: ProgramName): Promise<number> {
    const log = await readFile(this.logHint(name), 'utf8').catch(() => '')
    const sinceStart = log.slice(log.lastIndexOf(`supervise: ${name} starts`) + 1)
    return sinceStart.split(`supervise: ${name} ended`).length - 1
  }
  logHint(name: ProgramName): string {
    return join(this.#logFolder, `${name}.log`)
  }
  async forget(): Promise<void> {}

  get #logFolder(): string {
    return join(this.#dataDirectory, 'log')
  }
  /** The supervisor's pid, if it is alive and really ours: pids are used again after a reboot. */
  async #pid(name: ProgramName): Promise<number | undefined> {
    const pid = Number(await readFile(join(this.#logFolder, `${name}.pid`), 'utf8').catch(() => ''))
    if (!Number.isInteger(pid) || pid <= 1) return undefined
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
    return command.includes('supervise') && command.includes(name) && command.includes(this.#logFolder) ? pid : undefined
  }
}

const isAlive = async (pid: number): Promise<boolean> => {
  const state = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  return state !== '' && !/\) Z /.test(state)
}
