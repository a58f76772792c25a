import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock } from '@bramble/reconcile/env'

const ROOT = '/sys/fs/cgroup'
/** Where cgroup v2 is mounted beside v1. It has no controllers then, and hosts do not see it. */
const VERSION_2 = 'unified'
const REMOVE_TRIES_MAX = 100
const REMOVE_AGAIN_MS = 20

/**
 * A host's own groups, one per controller, so that its pods' groups do not meet those of other hosts and its CPU time can be read.
 * With cgroup v2 there are none: hosts share the machine's tree.
 */
export async function makeGroups(name: string): Promise<readonly string[]> {
  const folders = (await controllers()).map((controller) => join(ROOT, controller, name))
  for (const folder of folders) {
    await mkdir(folder, { recursive: true })
    if (folder.includes('/cpuset/'))
      for (const file of ['cpuset.cpus', 'cpuset.mems'])
        await writeFile(join(folder, file), await readFile(join(ROOT, 'cpuset', file), 'utf8'))
  }
  return folders
}

/** Ends what a run that was cut short left in it, and waits until it has gone. Absent = success. */
export async function removeGroups(name: string): Promise<void> {
  for (const controller of await controllers()) {
    const folder = join(ROOT, controller, name)
    for (let tries = 1; existsSync(folder); tries++) {
      await removeTree(folder)
      if (tries === REMOVE_TRIES_MAX) throw new Error(`cgroup ${folder} still has processes in it`)
      if (existsSync(folder)) await systemClock.sleep(REMOVE_AGAIN_MS)
    }
  }
}

/** CPU time that everything on the host has taken so far. undefined where groups are not kept apart. */
export async function cpuMilliseconds(name: string): Promise<number | undefined> {
  const file = join(ROOT, 'cpuacct', name, 'cpuacct.usage')
  return existsSync(file) ? Number(await readFile(file, 'utf8')) / 1e6 : undefined
}

async function controllers(): Promise<readonly string[]> {
  if (existsSync(join(ROOT, 'cgroup.controllers'))) return []
  const entries = await readdir(ROOT, { withFileTypes: true })
  return entries.filter((entry) => entry.isDirectory() && entry.name !== VERSION_2).map(({ name }) => name)
}

async function removeTree(folder: string): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
  for (const entry of entries) if (entry.isDirectory()) await removeTree(join(folder, entry.name))
  for (const pid of (await readFile(join(folder, 'cgroup.procs'), 'utf8').catch(() => '')).split('\n'))
    if (Number(pid) > 1) kill(Number(pid))
  await rmdir(folder).catch(() => {}) // a process is still ending in it
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // it has ended by itself
  }
}
