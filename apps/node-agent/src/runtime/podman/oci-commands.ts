import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { access, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { RuntimeError } from '../runtime.ts'

/** Where the OCI runtimes keep what they know of a running container. */
const RUNTIMES = [
  { program: 'crun', state: '/run/crun' },
  { program: 'runc', state: '/run/runc' },
]

/** The OCI runtime that runs a container. @throws RuntimeError `RuntimeUnavailable` when it does not run. */
export async function ociRuntimeOf(containerId: string): Promise<string> {
  for (const { program, state } of RUNTIMES) if (await isThere(join(state, containerId))) return program
  throw new RuntimeError('RuntimeUnavailable', `container ${containerId} is not running`)
}

/** For the process ids of a command that is about to run in a container: that of the command first. Of this agent process. */
export const commandMark = (directory: string, containerId: string): string =>
  join(directory, `exec-${process.pid}-${containerId}-${randomUUID()}`)

/** Kills a command and what it began; the OCI runtimes pass no signal on that would end every command. */
export function killCommand(mark: string): void {
  for (const pid of pidsIn(mark).flatMap(withDescendants).reverse()) killNow(pid)
}

/** Kills what was running for agents that are gone: nobody reads what it says any more. */
export async function killLeftovers(directory: string): Promise<void> {
  for (const name of await readdir(directory).catch(() => [])) {
    const [, agent, containerId] = /^exec-(\d+)-([0-9a-f]+)-/.exec(name) ?? []
    if (agent === undefined || Number(agent) === process.pid || (await isThere(`/proc/${agent}`))) continue
    const mark = join(directory, name)
    // a process of that number may be another by now
    for (const pid of pidsIn(mark)) if (belongsTo(pid, containerId!)) for (const each of withDescendants(pid).reverse()) killNow(each)
    await rm(mark, { force: true })
  }
}

const belongsTo = (pid: number, containerId: string): boolean =>
  readNow(`/proc/${pid}/cgroup`).includes(containerId) || readNow(`/proc/${pid}/cmdline`).includes(containerId)

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )

const pidsIn = (mark: string): readonly number[] =>
  readNow(mark)
    .split(/\s+/)
    .map(Number)
    .filter((pid) => pid > 1)

function withDescendants(pid: number): number[] {
  const children = readNow(`/proc/${pid}/task/${pid}/children`).trim()
  return [pid, ...(children === '' ? [] : children.split(' ').map(Number).flatMap(withDescendants))]
}

export function killNow(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // it has just ended
  }
}

function readNow(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
