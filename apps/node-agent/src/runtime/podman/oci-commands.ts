import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { access, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '@bramble/reconcile/env'
import { readIfPresent } from '../../host/files.ts'
import { RuntimeError } from '../runtime.ts'

/** Where the OCI runtimes keep what they know of a running container. */
const CRUN_STATE = '/run/crun'
const PROCESS_FILE = '.process'
const RUNTIMES = [
  { program: 'crun', state: CRUN_STATE },
  { program: 'runc', state: '/run/runc' },
]

/** The OCI runtime that runs a container. @throws RuntimeError `RuntimeUnavailable` when it does not run. */
export async function ociRuntimeOf(containerId: string): Promise<string> {
  for (const { program, state } of RUNTIMES) if (await isThere(join(state, containerId))) return program
  throw notRunning(containerId)
}

const notRunning = (containerId: string): RuntimeError => new RuntimeError('RuntimeUnavailable', `container ${containerId} is not running`)

/**
 * Arguments that run a command in a container as its own process would run it: user, groups, folder, environment, rights. runc takes
 * them over by itself; crun would run it as root in "/", so that it is told, in a file beside the mark.
 */
export async function execArguments(
  program: string,
  containerId: string,
  command: readonly string[],
  mark: string,
): Promise<readonly string[]> {
  const args = ['exec', '--pid-file', mark]
  if (program !== 'crun') return [...args, containerId, ...command]
  const text = await readIfPresent(join(CRUN_STATE, containerId, 'config.json'))
  if (text === undefined) throw notRunning(containerId)
  const { process: own } = JSON.parse(text) as { readonly process: object }
  await writeFile(`${mark}${PROCESS_FILE}`, JSON.stringify({ ...own, args: command, terminal: false }), { mode: 0o600 })
  return [...args, '--process', `${mark}${PROCESS_FILE}`, containerId]
}

/** Absent = success. */
export async function removeMark(mark: string): Promise<void> {
  for (const path of [mark, `${mark}${PROCESS_FILE}`]) await rm(path, { force: true })
}

/** For the process id of a command that is about to run in a container. Of this agent process. @param id Of the command, in the arguments of what watches it. */
export const commandMark = (directory: string, containerId: string, id: string = randomUUID()): string =>
  join(directory, `exec-${process.pid}-${containerId}-${id}`)

/** Kills a command and what it began; the OCI runtimes pass no signal on that would end every command. */
export function killCommand(mark: string): void {
  for (const pid of [...withDescendants(pidIn(mark))].reverse()) killNow(pid)
}

/** Kills what watches a command: it may stay for minutes after the end. */
export async function killWatchers(commandId: string): Promise<void> {
  for (let rounds = 0; rounds < ROUNDS_MAX; rounds++) {
    const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && readNow(`/proc/${name}/cmdline`).includes(commandId))
    if (pids.length === 0) return
    for (const pid of pids) killNow(Number(pid)) // it may have begun another at this very moment
  }
}

const ROUNDS_MAX = 10

/** Kills what was running for agents that are gone: nobody reads what it says any more. */
export async function killLeftovers(directory: string, clock: Clock): Promise<void> {
  const names = await readdir(directory).catch(() => [])
  const left = names.map((name) => ({ mark: join(directory, name), parts: /^exec-(\d+)-([0-9a-f]+)-([^.]+)$/.exec(name) }))
  const leftovers = left.filter(({ parts }) => parts && readNow(`/proc/${parts[1]}/cmdline`) === '')
  for (const { mark, parts } of leftovers) if (belongsTo(pidIn(mark), parts![2]!)) killCommand(mark) // or another process has that number by now
  if (leftovers.length > 0) await clock.sleep(END_MS) // for Podman's watchers to write the ends down
  for (const { mark, parts } of leftovers) {
    await killWatchers(parts![3]!)
    await removeMark(mark)
  }
}

const END_MS = 500
const belongsTo = (pid: number, containerId: string): boolean => readNow(`/proc/${pid}/cgroup`).includes(containerId)

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )

const pidIn = (mark: string): number => Number(readNow(mark))

function withDescendants(pid: number): number[] {
  if (!(pid > 1)) return [] // the command has not begun
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
