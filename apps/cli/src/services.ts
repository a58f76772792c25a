import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseAgentConfig } from '../../node-agent/src/config.ts'
import { binBramble, binSupervise, type ProgramName, programCommand, programEnvironment } from './programs.ts'
import { must, run, startDetached } from './run.ts'

/** Keeps the two programs running: systemd units where systemd runs, else a detached supervisor. */
export interface Services {
  readonly kind: 'systemd' | 'supervisor'
  /** Starts it, or restarts it with the new settings. */
  start(name: ProgramName, config: Record<string, unknown>): Promise<void>
  /** Stops it and keeps it stopped over a reboot; not running = success. Pods go on. */
  stop(name: ProgramName): Promise<void>
  isRunning(name: ProgramName): Promise<boolean>
  /** How often it has ended by itself since it was started. */
  restarts(name: ProgramName): Promise<number>
  /** Where its log is, for people. */
  logHint(name: ProgramName): string
  /** Removes units and pid files. */
  forget(): Promise<void>
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

class SystemdServices implements Services {
  readonly kind = 'systemd'
  readonly #dataDirectory: string
  constructor(dataDirectory: string) {
    this.#dataDirectory = dataDirectory
  }

  async start(name: ProgramName, config: Record<string, unknown>): Promise<void> {
    const environment = await writeSettings(this.#dataDirectory, name, config)
    await writeFile(unitPath(name), unitText(name, environment, programCommand(name)))
    if (name === 'node-agent') await writeFile(SHUTDOWN_UNIT_PATH, shutdownUnitText(binBramble, config))
    await must('systemctl', ['daemon-reload'])
    await must('systemctl', ['enable', unitName(name)])
    await must('systemctl', ['restart', unitName(name)])
    if (name === 'node-agent') await must('systemctl', ['enable', '--now', SHUTDOWN_UNIT])
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
  async forget(): Promise<void> {
    for (const path of [...PROGRAMS.map(unitPath), SHUTDOWN_UNIT_PATH]) await rm(path, { force: true })
    await run('systemctl', ['daemon-reload'])
  }
}

const unitName = (name: ProgramName): string => (name === 'control-plane' ? 'bramble-server.service' : 'bramble-agent.service')
const unitPath = (name: ProgramName): string => `/etc/systemd/system/${unitName(name)}`

/**
 * The text of a systemd unit.
 *
 * @param environment File with the variables of its settings. @param command Program and arguments.
 */
export const unitText = (name: ProgramName, environment: string, command: readonly string[]): string => `[Unit]
Description=Bramble ${name === 'control-plane' ? 'control plane' : 'node agent'}
After=network.target
StartLimitIntervalSec=0

[Service]
EnvironmentFile=${plain(environment)}
ExecStart=${command.map(quoted).join(' ')}
Restart=always
RestartSec=2
RestartPreventExitStatus=78
${PRIVILEGES[name]}
[Install]
WantedBy=multi-user.target
`

const SHUTDOWN_UNIT = 'bramble-shutdown.service'
const SHUTDOWN_UNIT_PATH = `/etc/systemd/system/${SHUTDOWN_UNIT}`
/** What the agent itself needs after the last pod has ended. */
const SHUTDOWN_SLACK_SECONDS = 30

/**
 * The text of the unit that does nothing until the machine goes down: then the agent ends its pods in order. What is ordered after
 * another unit is stopped before it, so agent, network and runtime are still there. @param command Path of `bramble`.
 */
export const shutdownUnitText = (command: string, config: Record<string, unknown>): string => {
  const { graceMs, criticalGraceMs } = parseAgentConfig(config).shutdown
  return `[Unit]
Description=Bramble ends the pods of this node before it goes down
After=bramble-agent.service network-online.target containerd.service crio.service podman.service
Wants=network-online.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/true
ExecStop=${quoted(command)} agent --shutdown
TimeoutStopSec=${Math.ceil((graceMs + criticalGraceMs) / 1000) + SHUTDOWN_SLACK_SECONDS}

[Install]
WantedBy=multi-user.target
`
}

/** KillMode=process: containers and their monitors live in the agent's cgroup tree and must outlive it. */
const PRIVILEGES: Readonly<Record<ProgramName, string>> = {
  'control-plane': 'KillMode=mixed\nNoNewPrivileges=yes\n',
  'node-agent': 'KillMode=process\nDelegate=yes\nOOMScoreAdjust=-999\n',
}

/** As one word of a command that means itself. */
const quoted = (argument: string): string => JSON.stringify(plain(argument).replaceAll('$', '$$$$'))

/** Without the meaning that systemd gives to percent signs. */
const plain = (text: string): string => text.replaceAll('%', '%%')

class SupervisedServices implements Services {
  readonly kind = 'supervisor'
  readonly #dataDirectory: string
  constructor(dataDirectory: string) {
    this.#dataDirectory = dataDirectory
  }

  async start(name: ProgramName, config: Record<string, unknown>): Promise<void> {
    await this.stop(name)
    await writeSettings(this.#dataDirectory, name, config)
    await mkdir(this.#logFolder, { recursive: true, mode: 0o750 })
    await startDetached(binSupervise, [name, this.#logFolder, ...programCommand(name)], programEnvironment(config))
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
