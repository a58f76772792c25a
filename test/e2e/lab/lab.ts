import { mkdir, readdir, readFile, readlink, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '@bramble/reconcile/env'
import { type CommandOptions, type CommandResult, runCommand, startDetached } from '../../../apps/node-agent/src/host/exec.ts'
import { readIfPresent } from '../../../apps/node-agent/src/host/files.ts'
import { cpuMilliseconds, makeGroups, removeGroups } from './groups.ts'
import { GATEWAY, OUTSIDE, type Place, places, switchNetns } from './names.ts'

export { OUTSIDE } from './names.ts'

export interface LabOptions {
  /** How many; they are called h1, h2, … */
  readonly hosts: number
  /** Prefix of everything that is made, e.g. `brt-mine`. What an earlier laboratory of this name left is removed first. */
  readonly name: string
}

export interface LabProcess {
  /** As seen from outside the host; signals sent to it reach the program itself. */
  readonly pid: number
  /** Both outputs. */
  readonly outputPath: string
  readonly ended: Promise<{ readonly exitCode?: number }>
}

const INIT = join(import.meta.dirname, 'host-init.sh')
const START_MS_MAX = 20_000
const LOOK_AGAIN_MS = 10

/** Hosts on one machine, a switch between them and a client outside the cluster. Needs root. `down` must be called whatever happens. */
export async function createLab({ hosts, name }: LabOptions): Promise<Lab> {
  await removeLab(name)
  const lab = new Lab(name, places(name, hosts))
  try {
    await lab.up()
    return lab
  } catch (error) {
    await lab.down()
    throw error
  }
}

export class Lab {
  readonly name: string
  /** Without the outside. */
  readonly hosts: readonly string[]
  readonly #places: ReadonlyMap<string, Place>
  readonly #inits = new Map<string, number>()
  #spawned = 0

  constructor(name: string, all: readonly Place[]) {
    this.name = name
    this.#places = new Map(all.map((place) => [place.host, place]))
    this.hosts = all.map(({ host }) => host).filter((host) => host !== OUTSIDE)
  }

  async up(): Promise<void> {
    await mkdir(folderOf(this.name), { recursive: true })
    const netns = switchNetns(this.name)
    await runCommand('ip', ['netns', 'add', netns])
    await batch(netns, ['link set lo up', 'link add lan0 type bridge', 'link set lan0 up'])
    for (const place of this.#places.values()) await this.#plug(place)
    await Promise.all(this.hosts.map((host) => this.#boot(host)))
  }

  ip(host: string): string {
    return this.#place(host).ip
  }

  /** Its disk as a folder outside: what is under /etc and /var of the host survives `kill`. */
  disk(host: string): string {
    return join(folderOf(this.name), this.#place(host).host)
  }

  /** @throws HostError as `runCommand` does. */
  async run(host: string, argv: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    return runCommand('sh', this.#enter(host, argv), options)
  }

  /** Starts a program that goes on running, such as an agent. It ends with its host. */
  async spawn(
    host: string,
    argv: readonly string[],
    options: { readonly env?: Readonly<Record<string, string>> } = {},
  ): Promise<LabProcess> {
    const outputPath = join(folderOf(this.name), `${host}-${++this.#spawned}.log`)
    const entering = startDetached('sh', this.#enter(host, argv), { outputPath, ...options })
    let hasEnded = false
    void entering.ended.then(() => {
      hasEnded = true
    })
    let pid = host === OUTSIDE ? entering.pid : undefined // there is no process namespace to enter
    await until(async () => {
      pid ??= await childOf(entering.pid)
      return hasEnded || pid !== undefined
    }, `${argv[0]} to start on ${host}`)
    return { pid: pid ?? entering.pid, outputPath, ended: entering.ended }
  }

  /** Pulls the cable. */
  async cut(host: string): Promise<void> {
    await batch(switchNetns(this.name), [`link set ${this.#place(host).port} down`])
  }

  async join(host: string): Promise<void> {
    await batch(switchNetns(this.name), [`link set ${this.#place(host).port} up`])
  }

  /** Power cut: every process of the host dies at once, its disk stays. */
  async kill(host: string): Promise<void> {
    const pid = this.#inits.get(host)
    this.#inits.delete(host)
    if (pid !== undefined) await killAndWait(pid)
  }

  /** Boots it after `kill`. Interfaces, routes and firewall rules are new unless `keepNetwork`. */
  async start(host: string, options: { readonly keepNetwork?: boolean } = {}): Promise<void> {
    const place = this.#place(host)
    if (this.#inits.has(host)) throw new Error(`${host} is running`)
    if (!options.keepNetwork) {
      await batch(switchNetns(this.name), [`link del ${place.port}`]) // before its namespace, whose end is noticed late
      await runCommand('ip', ['netns', 'del', place.netns])
      await this.#plug(place)
    }
    await this.#boot(host)
  }

  /** CPU time taken on the host so far, in milliseconds. undefined where the machine cannot tell hosts apart. */
  cpuMilliseconds(host: string): Promise<number | undefined> {
    return cpuMilliseconds(this.#place(host).netns)
  }

  /** Takes everything away, also what is half made. Again = success. */
  async down(): Promise<void> {
    this.#inits.clear()
    await removeLab(this.name)
  }

  async #plug({ netns, port, ip, mac }: Place): Promise<void> {
    await runCommand('ip', ['netns', 'add', netns])
    await batch(switchNetns(this.name), [
      `link add ${port} type veth peer name eth0 netns ${netns} address ${mac}`,
      `link set ${port} master lan0 up`,
    ])
    await batch(netns, [
      'link set lo up',
      `addr add ${ip}/24 dev eth0`,
      'link set eth0 up',
      `route add default via ${GATEWAY} dev eth0 onlink`,
    ])
  }

  async #boot(host: string): Promise<void> {
    const { netns, ip } = this.#place(host)
    const [disk, ready, log] = [this.disk(host), readyFile(this.name, host), join(folderOf(this.name), `${host}-init.log`)]
    await mkdir(disk, { recursive: true })
    await rm(ready, { force: true })
    const groups = await makeGroups(netns)
    const unshare = [
      'unshare',
      '--mount',
      '--uts',
      '--ipc',
      '--pid',
      ...(groups.length > 0 ? ['--cgroup'] : []),
      '--fork',
      '--propagation',
      'private',
    ]
    const program = ['nsenter', `--net=/run/netns/${netns}`, ...unshare, '--', 'sh', INIT, host, ip, disk, ready]
    const starting = startDetached('sh', inGroups(groups, program), { outputPath: log })
    let hasEnded = false
    void starting.ended.then(() => {
      hasEnded = true
    })
    try {
      await until(async () => hasEnded || (await readIfPresent(ready)) !== undefined, `host ${host} to boot`)
      if (hasEnded) throw new Error(`host ${host} did not boot`)
    } catch (error) {
      throw new Error(`${(error as Error).message}: ${(await readIfPresent(log))?.trim()}`, { cause: error })
    }
    this.#inits.set(host, Number(await readFile(ready, 'utf8')))
  }

  #enter(host: string, argv: readonly string[]): string[] {
    const { netns } = this.#place(host)
    if (host === OUTSIDE) return inGroups([], ['nsenter', `--net=/run/netns/${netns}`, '--', ...argv])
    const pid = this.#inits.get(host)
    if (pid === undefined) throw new Error(`${host} is switched off`)
    const flags = ['--target', String(pid), '--mount', '--uts', '--ipc', '--net', '--pid', '--cgroup', '--root', '--wd']
    return inGroups([netns], ['nsenter', ...flags, '--', ...argv])
  }

  #place(host: string): Place {
    const place = this.#places.get(host)
    if (!place) throw new Error(`this laboratory has no host "${host}", only ${[...this.#places.keys()].join(', ')}`)
    return place
  }
}

/** Removes what a laboratory of this name left, whoever made it. */
export async function removeLab(name: string): Promise<void> {
  const folder = folderOf(name)
  const netnsNames = (await readdir('/run/netns').catch(() => [])).filter((netns) => netns.startsWith(`${name}-`))
  for (const netns of netnsNames) {
    const pid = Number(await readIfPresent(readyFile(name, netns.slice(name.length + 1))))
    if (pid > 1 && (await runsIn(pid, netns))) await killAndWait(pid)
  }
  const shared = switchNetns(name)
  for (const netns of [shared, ...netnsNames.filter((each) => each !== shared)])
    if (netnsNames.includes(netns)) await runCommand('ip', ['netns', 'del', netns])
  for (const netns of netnsNames) await removeGroups(netns)
  await rm(folder, { recursive: true, force: true })
}

const folderOf = (lab: string): string => join(tmpdir(), `bramble-lab-${lab}`)
const readyFile = (lab: string, host: string): string => join(folderOf(lab), `${host}.pid`)

async function batch(netns: string, lines: readonly string[]): Promise<void> {
  await runCommand('ip', ['-netns', netns, '-batch', '-'], { input: `${lines.join('\n')}\n` })
}

/** Arguments of `sh` that put it into groups and then make it the program. */
const inGroups = (folders: readonly string[], argv: readonly string[]): string[] => [
  '-c',
  `for folder in ${folders.map((folder) => (folder.startsWith('/') ? folder : `/sys/fs/cgroup/*/${folder}`)).join(' ')}; do
    [ ! -e "$folder/cgroup.procs" ] || echo $$ > "$folder/cgroup.procs"; done; exec "$@"`,
  'sh',
  ...argv,
]

async function runsIn(pid: number, netns: string): Promise<boolean> {
  const [own, named] = await Promise.all([readlink(`/proc/${pid}/ns/net`).catch(() => ''), stat(`/run/netns/${netns}`)])
  return own === `net:[${named.ino}]`
}

async function killAndWait(pid: number): Promise<void> {
  process.kill(pid, 'SIGKILL')
  await until(async () => !(await isAlive(pid)), `process ${pid} to end`)
}

const isAlive = (pid: number): Promise<boolean> =>
  readFile(`/proc/${pid}/stat`, 'utf8').then(
    (text) => !/^\d+ \(.*\) [ZX]/s.test(text),
    () => false,
  )

async function childOf(pid: number): Promise<number | undefined> {
  const children = (await readIfPresent(`/proc/${pid}/task/${pid}/children`)) ?? ''
  return children.trim() === '' ? undefined : Number(children.trim().split(' ')[0])
}

async function until(good: () => Promise<boolean>, what: string): Promise<void> {
  const limitMs = systemClock.monotonicMs() + START_MS_MAX
  while (!(await good())) {
    if (systemClock.monotonicMs() > limitMs) throw new Error(`waited ${START_MS_MAX} ms for ${what}`)
    await systemClock.sleep(LOOK_AGAIN_MS)
  }
}
