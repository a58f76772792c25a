import { readFileSync } from 'node:fs'
import { access, mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Clock } from '@bramble/reconcile/env'
import { runCommand } from '../../host/exec.ts'
import { isMissing } from '../../host/files.ts'
import type { PodResources } from '../runtime.ts'
import {
  type CgroupManager,
  type CgroupPlace,
  classPlace,
  containerFolders,
  givenPlace,
  isOfPod,
  podPlace,
  QOS_CLASSES,
  type QosClass,
} from './paths.ts'
import {
  allPodsSettings,
  type CgroupSetting,
  type CgroupVersion,
  classSettings,
  oomKillsIn,
  podSettings,
  systemdProperties,
} from './settings.ts'

export const CGROUP_ROOT = '/sys/fs/cgroup'
export const CGROUP_NAME = 'bramble'
/** Group of the first process of a pod whose containers share theirs. */
export const FIRST = 'first'

/** 2 where cgroup v2 alone is mounted. */
export const cgroupVersion = (root: string = CGROUP_ROOT): Promise<CgroupVersion> =>
  access(join(root, 'cgroup.controllers')).then(
    () => 2,
    () => 1,
  )

export interface PodCgroupsOptions {
  readonly manager: CgroupManager
  readonly version: CgroupVersion
  readonly clock: Clock
  /** Of the group above all pods; one word. Default `bramble`. */
  readonly name?: string
  /** Where the hierarchies are mounted. Default /sys/fs/cgroup. */
  readonly root?: string
  /** What all pods together may take, so that the system and the agent have the rest. Absent: as much as there is. */
  readonly memoryMaxBytes?: number | undefined
}

/**
 * The cgroups of pods, one folder for each in that of its class, for either manager and either version. Pods from before there were
 * classes lie where Guaranteed ones do, and are found there.
 */
export class PodCgroups {
  readonly #manager: CgroupManager
  readonly #version: CgroupVersion
  readonly #name: string
  readonly #root: string
  readonly #clock: Clock
  readonly #memoryMaxBytes: number | undefined
  readonly #given = new Map<string, CgroupPlace>()

  constructor({ manager, version, clock, name = CGROUP_NAME, root = CGROUP_ROOT, memoryMaxBytes }: PodCgroupsOptions) {
    this.#manager = manager
    this.#version = version
    this.#clock = clock
    this.#name = name
    this.#root = root
    this.#memoryMaxBytes = memoryMaxBytes
  }

  get manager(): CgroupManager {
    return this.#manager
  }

  /** The pod's group is somebody else's: it is found, and neither made, changed nor removed. */
  give(podUid: string, parent: string): void {
    this.#given.set(podUid, givenPlace(this.#manager, parent))
  }

  /** What runtimes are told: a path for cgroupfs, the name of a slice for systemd. */
  parentOf(podUid: string, qosClass: QosClass): string {
    return this.#place(podUid, qosClass).parent
  }

  /** Folder of the pod's group below the root of each hierarchy, where there is one now. */
  async folderOf(podUid: string): Promise<string | undefined> {
    for (const { folder } of this.#places(podUid)) if ((await this.#existing(folder)).length > 0) return folder
    return undefined
  }

  /** Makes the pod's group and gives it what it may use; makes it the pod's share of its class, too. Safe to repeat. */
  async make(podUid: string, resources: PodResources): Promise<void> {
    if (this.#given.has(podUid)) return
    const place = this.#place(podUid, resources.qosClass)
    const settings = podSettings(this.#version, resources)
    if (this.#manager === 'cgroupfs') await this.#makeFolders(place.folder, [...new Set(settings.map(({ controller }) => controller))])
    await this.#limitAll()
    await this.#apply(place, settings)
  }

  /** Of the group above all pods. Lower than what they use already is refused by the kernel of cgroup v1: then the next pod's making tries again. */
  async #limitAll(): Promise<void> {
    const settings = allPodsSettings(this.#version, this.#memoryMaxBytes)
    const top = classPlace(this.#manager, this.#name, 'Guaranteed')
    const path = join(this.#root, ...(this.#version === 1 ? ['memory'] : []), top.folder)
    const missing = settings.filter(({ file, content }) => readNow(join(path, file)).trim() !== content)
    if (missing.length > 0 && ((await isThere(path)) || this.#manager === 'systemd'))
      await this.#apply(top, missing).catch((error: unknown) => {
        if ((error as NodeJS.ErrnoException).code !== 'EBUSY') throw error
      })
  }

  /**
   * Changes what a pod may use, where its group is.
   * @throws the kernel's error, say EINVAL for a quota below one of its containers'.
   */
  async set(podUid: string, resources: PodResources): Promise<void> {
    if (this.#given.has(podUid)) return
    for (const place of this.#places(podUid))
      if ((await this.#existing(place.folder)).length > 0) await this.#apply(place, podSettings(this.#version, resources))
  }

  /** Shares out the CPU between classes. @param pods Every pod of this node. */
  async setClasses(pods: readonly Pick<PodResources, 'qosClass' | 'cpuRequestMillis'>[]): Promise<void> {
    for (const qosClass of ['Burstable', 'BestEffort'] as const) {
      const place = classPlace(this.#manager, this.#name, qosClass)
      if ((await this.#existing(place.folder)).length === 0) continue
      const millis = pods.filter((pod) => pod.qosClass === qosClass).reduce((sum, pod) => sum + pod.cpuRequestMillis, 0)
      await this.#apply(place, classSettings(this.#version, qosClass, millis))
    }
  }

  /** Puts a process that belongs to no container into a group of its own in the pod's. With systemd it stays where it is. */
  async addProcess(podUid: string, qosClass: QosClass, name: string, pid: number): Promise<void> {
    if (this.#manager === 'systemd') return
    const folder = join(this.#place(podUid, qosClass).folder, name)
    await this.#makeFolders(folder, ['cpu', 'memory'])
    for (const existing of await this.#existing(folder)) await writeFile(join(existing, 'cgroup.procs'), String(pid))
  }

  /** Containers of Podman's that have a group here, by id, with the processes in it; those of other machines' views have none. */
  async containers(): Promise<Map<string, readonly number[]>> {
    const found = new Map<string, readonly number[]>()
    const [top] = await this.#existing(classPlace(this.#manager, this.#name, 'Guaranteed').folder)
    if (top === undefined) return found
    for (const folder of await foldersBelow(top)) {
      const id = /^libpod-([0-9a-f]{64})(\.scope)?$/.exec(basename(folder))?.[1]
      if (id === undefined) continue
      const pids = (await readFile(join(folder, 'cgroup.procs'), 'utf8').catch(() => '')).split('\n').map(Number)
      found.set(
        id,
        pids.filter((pid) => pid > 1),
      )
    }
    return found
  }

  /**
   * How often memory ran out in the container. Synchronous: its cgroup is gone some ten milliseconds after its death.
   * 0 when it is gone already.
   */
  oomKills(podUid: string, containerId: string): number {
    const [top, file] = this.#version === 2 ? [this.#root, 'memory.events'] : [join(this.#root, 'memory'), 'memory.oom_control']
    for (const { folder } of this.#places(podUid))
      for (const name of containerFolders(containerId)) {
        const kills = oomKillsIn(readNow(join(top, folder, name, file)))
        if (kills !== undefined) return kills
      }
    return 0
  }

  /**
   * Removes the pod's group, and those above when it was the last. The runtime's own clean-up may be in it for some hundred
   * milliseconds after the last container is gone: it is waited for, up to a limit. Absent = success.
   *
   * @returns false when somebody is in it still.
   */
  async remove(podUid: string): Promise<boolean> {
    const given = this.#given.get(podUid)
    if (given) {
      await removeAllEmpty(await this.#existing(join(given.folder, FIRST)))
      this.#given.delete(podUid)
      return true
    }
    let isGone = true
    for (const place of this.#places(podUid)) isGone = (await this.#removePlace(place, REMOVE_TRIES_MAX)) && isGone
    await this.#removeEmptyClasses()
    return isGone
  }

  /**
   * Removes groups that no pod has any more, as an agent leaves them that dies while it makes or removes one. Those in use stay.
   *
   * @param known Uids of all pods; asked for after a look at the groups, so that a pod that comes meanwhile keeps its own.
   */
  async removeForgotten(known: () => Promise<Iterable<string>>): Promise<void> {
    const found: CgroupPlace[] = []
    for (const qosClass of QOS_CLASSES)
      for (const path of await this.#existing(classPlace(this.#manager, this.#name, qosClass).folder))
        for (const name of await readdir(path).catch(() => []))
          if (isOfPod(this.#manager, name))
            found.push({ folder: join(classPlace(this.#manager, this.#name, qosClass).folder, name), parent: name })
    if (found.length === 0) return
    const kept = new Set([...(await known())].flatMap((podUid) => this.#places(podUid).map(({ folder }) => folder)))
    for (const place of found)
      if (!kept.has(place.folder) && !(await isInUse(await this.#existing(place.folder)))) await this.#removePlace(place, 1)
    await this.#removeEmptyClasses()
  }

  /** @returns whether it is gone. */
  async #removePlace({ folder, parent }: CgroupPlace, triesMax: number): Promise<boolean> {
    const folders = await this.#existing(folder)
    if (folders.length === 0) return true
    if (this.#manager === 'systemd') {
      await runCommand('systemctl', ['stop', parent], { exitCodes: 'any' })
      await runCommand('systemctl', ['revert', parent], { exitCodes: 'any' })
      return true
    }
    for (let tries = 1; !(await removeAllEmpty(folders)); tries++) {
      if (tries >= triesMax) return false
      await this.#clock.sleep(REMOVE_AGAIN_MS)
    }
    return true
  }

  async #removeEmptyClasses(): Promise<void> {
    if (this.#manager === 'systemd') return
    for (const qosClass of [...QOS_CLASSES].reverse()) // that of Guaranteed ones is above the others
      for (const folder of await this.#existing(classPlace('cgroupfs', this.#name, qosClass).folder)) await rmdir(folder).catch(() => {}) // other pods are in it
  }

  #place(podUid: string, qosClass: QosClass): CgroupPlace {
    return this.#given.get(podUid) ?? podPlace(this.#manager, this.#name, qosClass, podUid)
  }

  #places(podUid: string): readonly CgroupPlace[] {
    const given = this.#given.get(podUid)
    return given ? [given] : QOS_CLASSES.map((qosClass) => this.#place(podUid, qosClass))
  }

  /** Where this folder exists, in any hierarchy. */
  async #existing(folder: string): Promise<readonly string[]> {
    const tops = this.#version === 2 ? [] : await readdir(this.#root).catch(() => [])
    const paths = [...new Set([this.#root, ...tops.map((name) => join(this.#root, name))])].map((top) => join(top, folder))
    const found = await Promise.all(
      paths.map((path) =>
        access(path).then(
          () => true,
          () => false,
        ),
      ),
    )
    return paths.filter((_, index) => found[index])
  }

  async #makeFolders(folder: string, controllers: readonly string[]): Promise<void> {
    if (this.#version === 1) {
      for (const controller of controllers) {
        const top = join(this.#root, controller)
        if (await isThere(top)) await mkdir(join(top, folder), { recursive: true })
      }
      return
    }
    const parts = folder.split('/').filter((part) => part !== '')
    for (const index of parts.keys()) {
      await enableControllers(join(this.#root, ...parts.slice(0, index)))
      await mkdir(join(this.#root, ...parts.slice(0, index + 1)), { recursive: true })
    }
  }

  /** Settings whose controller the kernel does not have are left out. */
  async #apply({ folder, parent }: CgroupPlace, settings: readonly CgroupSetting[]): Promise<void> {
    if (this.#manager === 'systemd') {
      await runCommand('systemctl', ['set-property', '--runtime', parent, ...systemdProperties(settings)])
      return
    }
    for (const { controller, file, content } of settings) {
      const path = join(this.#root, ...(this.#version === 1 ? [controller] : []), folder)
      if (!(await isThere(path)) || (this.#version === 2 && !(await hasController(path, controller)))) continue
      await writeFile(join(path, file), content)
    }
  }
}

const REMOVE_TRIES_MAX = 20
const REMOVE_AGAIN_MS = 50

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )

const controllersOf = async (folder: string): Promise<readonly string[]> =>
  (await readFile(join(folder, 'cgroup.controllers'), 'utf8').catch(() => '')).trim().split(' ')
const hasController = async (folder: string, controller: string): Promise<boolean> => (await controllersOf(folder)).includes(controller)

/** For the groups in this one; what cannot be enabled here is left out. Source: kernel, cgroup-v2, "Enabling and Disabling". */
async function enableControllers(folder: string): Promise<void> {
  const file = join(folder, 'cgroup.subtree_control')
  const enabled = (await readFile(file, 'utf8').catch(() => '')).trim().split(' ')
  for (const controller of await controllersOf(folder))
    if (controller !== '' && !enabled.includes(controller)) await writeFile(file, `+${controller}`).catch(() => {})
}

function readNow(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return '' // not this place, or gone already
  }
}

/** Whether there is a process in any of them, or below. */
async function isInUse(folders: readonly string[]): Promise<boolean> {
  for (const top of folders)
    for (const folder of [top, ...(await foldersBelow(top))]) if (readNow(join(folder, 'cgroup.procs')).trim() !== '') return true
  return false
}

/** Step by step: groups go while one looks, and that must not hide the others. */
async function foldersBelow(top: string): Promise<readonly string[]> {
  const folders: string[] = []
  for (const entry of await readdir(top, { withFileTypes: true }).catch(() => [])) {
    if (!entry.isDirectory()) continue
    const folder = join(top, entry.name)
    folders.push(folder, ...(await foldersBelow(folder)))
  }
  return folders
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
