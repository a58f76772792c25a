import { chmod, chown, mkdir, open, readdir, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Container, Pod, Volume, VolumeMount } from '@bramble/api/types/pod'
import { isMissing, readIfPresent } from '../../host/files.ts'
import { type ContainerState, type Mount, RuntimeError } from '../../runtime/runtime.ts'
import { containerLogPath, podLogFolder, TERMINATION_MESSAGE_PATH } from '../container-config.ts'
import { type ConfigSource, type EnvEntry, expand, type PodFacts } from '../environment.ts'
import { lastLines } from '../log-file.ts'
import { type PodFiles, VolumeError } from '../pod-files.ts'
import { writeAtomicFolder } from './atomic-folder.ts'
import { configContent } from './config-content.ts'
import { checkHostPath } from './host-path.ts'
import { UNSUPPORTED_VOLUME } from './memory-pod-files.ts'
import { type DnsSettings, hostsFile, resolvFile } from './network-files.ts'

export interface DiskPodFilesSettings {
  /** Survives a reboot: emptyDir volumes. */
  readonly dataFolder: string
  /** In memory (tmpfs), so that nothing secret and nothing small wears the SD card out: everything else but logs. */
  readonly runFolder: string
  readonly logFolder: string
  readonly dns: DnsSettings
}

const MESSAGE_BYTES_MAX = 4096
const FALLBACK_BYTES_MAX = 2048
const FALLBACK_LINES_MAX = 80

/** Files of pods where kubelet would have them, but in Bramble's own folders. */
export class DiskPodFiles implements PodFiles {
  readonly #settings: DiskPodFilesSettings

  constructor(settings: DiskPodFilesSettings) {
    this.#settings = settings
  }

  async prepare(pod: Pod, source: ConfigSource): Promise<void> {
    await mkdir(this.#runFolder(pod), { recursive: true, mode: 0o750 })
    for (const volume of pod.spec.volumes ?? []) {
      try {
        await this.#prepareVolume(pod, volume, source)
      } catch (error) {
        throw error instanceof VolumeError ? error : new VolumeError(volume.name, (error as Error).message, { cause: error })
      }
    }
  }

  async containerMounts(
    pod: Pod,
    container: Container,
    attempt: number,
    env: readonly EnvEntry[],
    facts: PodFacts,
  ): Promise<readonly Mount[]> {
    await mkdir(dirname(containerLogPath(this.#settings.logFolder, pod, container.name, attempt)), { recursive: true, mode: 0o755 })
    const mounts: Mount[] = []
    for (const mount of container.volumeMounts ?? []) mounts.push(await this.#mount(pod, mount, env))
    const taken = new Set(mounts.map(({ containerPath }) => containerPath.replace(/\/+$/, '')))
    for (const [containerPath, hostPath] of await this.#ownFiles(pod, container, attempt, facts))
      if (!taken.has(containerPath)) mounts.push({ hostPath, containerPath, readOnly: false })
    return mounts
  }

  async terminationMessage(pod: Pod, container: Container, state: ContainerState): Promise<string> {
    const written = await readStart(this.#messageFile(pod, state.name, state.attempt), MESSAGE_BYTES_MAX)
    if (written !== '' || container.terminationMessagePolicy !== 'FallbackToLogsOnError' || state.exitCode === 0) return written
    return (await lastLines(state.logPath, FALLBACK_LINES_MAX)).slice(-FALLBACK_BYTES_MAX)
  }

  async removeAttempt(pod: Pick<Pod, 'metadata'>, state: ContainerState): Promise<void> {
    const logPath = containerLogPath(this.#settings.logFolder, pod, state.name, state.attempt)
    for (const path of [logPath, this.#messageFile(pod, state.name, state.attempt)]) await rm(path, { force: true })
  }

  async removePod(pod: Pick<Pod, 'metadata'>): Promise<void> {
    for (const folder of [this.#runFolder(pod), this.#dataFolder(pod), podLogFolder(this.#settings.logFolder, pod)])
      await rm(folder, { recursive: true, force: true })
  }

  async removeUnknown(isKnown: (podUid: string) => boolean): Promise<void> {
    const { runFolder, dataFolder, logFolder } = this.#settings
    const left = new Set(
      [...(await namesIn(join(runFolder, 'pods'))), ...(await namesIn(join(dataFolder, 'pods')))].filter((uid) => !isKnown(uid)),
    )
    if (left.size === 0) return
    for (const uid of left) for (const root of [runFolder, dataFolder]) await rm(join(root, 'pods', uid), { recursive: true, force: true })
    for (const name of await namesIn(logFolder))
      if (left.has(name.slice(name.lastIndexOf('_') + 1))) await rm(join(logFolder, name), { recursive: true, force: true })
  }

  async #prepareVolume(pod: Pod, volume: Volume, source: ConfigSource): Promise<void> {
    const group = pod.spec.securityContext?.fsGroup
    if (volume.configMap || volume.secret)
      return writeAtomicFolder(this.#volumePath(pod, volume), configContent(pod, volume, source), group)
    if (volume.hostPath) return checkHostPath(volume.name, volume.hostPath.path, volume.hostPath.type)
    if (!volume.emptyDir) throw new VolumeError(volume.name, UNSUPPORTED_VOLUME)
    const folder = this.#volumePath(pod, volume)
    if ((await mkdir(folder, { recursive: true })) === undefined) return // it has been used already
    if (group !== undefined) await chown(folder, -1, group)
    await chmod(folder, group === undefined ? 0o777 : 0o2777)
  }

  async #mount(pod: Pod, mount: VolumeMount, env: readonly EnvEntry[]): Promise<Mount> {
    const volume = pod.spec.volumes?.find(({ name }) => name === mount.name)
    if (!volume) throw configError(`volume mount "${mount.name}" names no volume of the pod`)
    const values = new Map(env.map(({ name, value }) => [name, value]))
    const subPath = mount.subPathExpr ? expand(mount.subPathExpr, (name) => values.get(name)) : mount.subPath
    const root = this.#volumePath(pod, volume)
    return {
      hostPath: subPath ? await this.#inside(root, subPath, mount.name) : root,
      containerPath: mount.mountPath,
      readOnly: mount.readOnly === true || volume.configMap !== undefined || volume.secret !== undefined,
      ...(mount.mountPropagation &&
        mount.mountPropagation !== 'None' && { propagation: mount.mountPropagation === 'Bidirectional' ? 'rshared' : 'rslave' }),
    }
  }

  /** A sub path as it really is; made as a folder when missing. Links may not lead out of the volume. */
  async #inside(root: string, subPath: string, volume: string): Promise<string> {
    if (subPath.startsWith('/') || subPath.split('/').includes('..'))
      throw configError(`subPath "${subPath}" of volume "${volume}" must be relative and not contain '..'`)
    const realRoot = await realpath(root)
    const path = join(realRoot, subPath)
    for (let part = path; part !== realRoot; part = dirname(part)) {
      const real = await realpath(part).catch((error: unknown) => {
        if (isMissing(error)) return undefined
        throw error
      })
      if (real === undefined) continue
      if (real !== realRoot && !real.startsWith(`${realRoot}/`)) throw configError(`subPath "${subPath}" leads out of volume "${volume}"`)
      if (part === path) return real
      break
    }
    await mkdir(path, { recursive: true })
    return path
  }

  async #ownFiles(
    pod: Pod,
    container: Container,
    attempt: number,
    facts: PodFacts,
  ): Promise<readonly (readonly [containerPath: string, hostPath: string])[]> {
    const { dns } = this.#settings
    const folder = this.#runFolder(pod)
    const message = this.#messageFile(pod, container.name, attempt)
    await mkdir(dirname(message), { recursive: true })
    await writeFile(message, '', { flag: 'a' })
    await chmod(message, 0o666)
    const hosts = hostsFile(pod, facts.podIp, (await readIfPresent('/etc/hosts')) ?? '', dns.domain)
    const resolv = resolvFile(pod, dns, (await readIfPresent('/etc/resolv.conf')) ?? '')
    if (hosts !== undefined) await writeIfChanged(join(folder, 'hosts'), hosts)
    if (resolv !== undefined) await writeIfChanged(join(folder, 'resolv.conf'), resolv)
    return [
      [container.terminationMessagePath ?? TERMINATION_MESSAGE_PATH, message],
      ...(hosts === undefined ? [] : [['/etc/hosts', join(folder, 'hosts')] as const]),
      ...(resolv === undefined ? [] : [['/etc/resolv.conf', join(folder, 'resolv.conf')] as const]),
    ]
  }

  #volumePath(pod: Pod, volume: Volume): string {
    if (volume.hostPath) return volume.hostPath.path
    const inMemory = volume.configMap !== undefined || volume.secret !== undefined || volume.emptyDir?.medium === 'Memory'
    return join(inMemory ? this.#runFolder(pod) : this.#dataFolder(pod), 'volumes', volume.name)
  }

  #messageFile(pod: Pick<Pod, 'metadata'>, container: string, attempt: number): string {
    return join(this.#runFolder(pod), 'containers', container, `${attempt}.message`)
  }
  #runFolder(pod: Pick<Pod, 'metadata'>): string {
    return join(this.#settings.runFolder, 'pods', pod.metadata.uid)
  }
  #dataFolder(pod: Pick<Pod, 'metadata'>): string {
    return join(this.#settings.dataFolder, 'pods', pod.metadata.uid)
  }
}

const configError = (message: string): RuntimeError => new RuntimeError('CreateContainerConfigError', message)

/** In place: containers hold the file itself by its mount. */
async function writeIfChanged(path: string, text: string): Promise<void> {
  if ((await readIfPresent(path)) !== text) await writeFile(path, text, { mode: 0o644 })
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (isMissing(error)) return []
    throw error
  }
}

async function readStart(path: string, bytes: number): Promise<string> {
  try {
    if ((await stat(path)).size <= bytes) return await readFile(path, 'utf8')
    const file = await open(path, 'r')
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, 0)
      return buffer.toString('utf8', 0, bytesRead)
    } finally {
      await file.close()
    }
  } catch (error) {
    if (isMissing(error)) return ''
    throw error
  }
}
