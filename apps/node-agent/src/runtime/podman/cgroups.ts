import { readFileSync } from 'node:fs'
import { readdir, rmdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Clock } from '@bramble/reconcile/env'
import { runCommand } from '../../host/exec.ts'
import { isMissing } from '../../host/files.ts'

const ROOT = '/sys/fs/cgroup'
export const CGROUP_NAME = 'bramble'

/** Where the cgroups of pods are, for either of Podman's managers and either cgroup version. */
export class PodCgroups {
  readonly #name: string
  readonly #systemd: boolean
  readonly #clock: Clock

  /** @param name Of the group above all pods; one word. */
  constructor(manager: 'systemd' | 'cgroupfs', name: string, clock: Clock) {
    this.#systemd = manager === 'systemd'
    this.#clock = clock
    this.#name = name
  }

  /** What Podman is told: a path for cgroupfs, the name of a slice for systemd, which takes "-" for "/". */
  parentOf(podUid: string): string {
    return this.#systemd ? this.#slice(podUid) : `/${this.#name}/pod${podUid}`
  }

  /**
   * How often memory ran out in the container. Synchronous: its cgroup is gone some ten milliseconds after its death.
   * 0 when it is gone already.
   */
  oomKills(podUid: string, containerId: string): number {
    const base = this.#path(podUid)
    const places = [
      join(ROOT, 'memory', base, `libpod-${containerId}`, 'memory.oom_control'),
      join(ROOT, base, `libpod-${containerId}${this.#systemd ? '.scope' : ''}`, 'memory.events'),
    ]
    for (const place of places) {
      const count = /^oom_kill (\d+)$/m.exec(readNow(place))?.[1]
      if (count !== undefined) return Number(count)
    }
    return 0
  }

  /** Gives the pod its share of the CPU among the others: the sum of what its containers asked for. Without the controller nothing happens. */
  async setCpuRequest(podUid: string, cpuMillis: number): Promise<void> {
    const shares = Math.min(SHARES_MAX, Math.max(SHARES_MIN, Math.floor((cpuMillis * 1024) / 1000)))
    const base = this.#path(podUid)
    await writeFile(join(ROOT, 'cpu', base, 'cpu.shares'), String(shares)).catch(() =>
      writeFile(join(ROOT, base, 'cpu.weight'), String(weightOf(shares))).catch(() => {}),
    )
  }

  /**
   * Removes the pod's group, and the group above when it was the last. Podman's own clean-up process may be in it for some hundred
   * milliseconds after the last container is gone: it is waited for, up to a limit. Absent = success.
   */
  async remove(podUid: string): Promise<void> {
    if (this.#systemd) {
      await runCommand('systemctl', ['stop', this.#slice(podUid)], { exitCodes: 'any' })
      return
    }
    const controllers = await readdir(ROOT).catch(() => [])
    const pods = [ROOT, ...controllers.map((name) => join(ROOT, name))].map((top) => join(top, this.#path(podUid)))
    for (let tries = 1; !(await removeAllEmpty(pods)) && tries < REMOVE_TRIES_MAX; tries++) await this.#clock.sleep(REMOVE_AGAIN_MS)
    for (const pod of pods) await rmdir(dirname(pod)).catch(() => {}) // other pods are in it
  }

  #slice(podUid: string): string {
    return `${this.#name}-pod${podUid.replaceAll('-', '_')}.slice`
  }

  #path(podUid: string): string {
    return this.#systemd ? `/${this.#name}.slice/${this.#slice(podUid)}` : `/${this.#name}/pod${podUid}`
  }
}

const REMOVE_TRIES_MAX = 20
const REMOVE_AGAIN_MS = 50
const SHARES_MIN = 2
const SHARES_MAX = 262_144

/** @see Source: kubernetes KEP-2254, "Convert CPU Shares to CPU Weight". */
const weightOf = (shares: number): number => Math.floor(1 + ((shares - SHARES_MIN) * 9999) / (SHARES_MAX - SHARES_MIN))

function readNow(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return '' // not this cgroup version, or gone already
  }
}

async function removeAllEmpty(folders: readonly string[]): Promise<boolean> {
  let areGone = true
  for (const folder of folders) areGone = (await removeEmpty(folder)) && areGone
  return areGone
}

async function removeEmpty(folder: string): Promise<boolean> {
  try {
    for (const entry of await readdir(folder, { withFileTypes: true })) if (entry.isDirectory()) await removeEmpty(join(folder, entry.name))
    await rmdir(folder)
    return true
  } catch (error) {
    return isMissing(error)
  }
}
