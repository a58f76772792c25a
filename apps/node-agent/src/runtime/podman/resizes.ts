import { access, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runCommand } from '../../host/exec.ts'
import { readIfPresent } from '../../host/files.ts'
import { CGROUP_ROOT } from '../cgroups/pod-cgroups.ts'
import { type CgroupVersion, type OciResources, ociResources } from '../cgroups/settings.ts'
import { type ContainerResources, RuntimeError } from '../runtime.ts'
import { ociRuntimeOf } from './oci-commands.ts'

/**
 * Changes of what running containers may use: made by the OCI runtime, which knows both cgroup versions and systemd. Podman itself does
 * not learn of them; they are noted in a folder that a reboot empties, as it ends the containers.
 */
export class Resizes {
  readonly #directory: string

  constructor(directory: string) {
    this.#directory = directory
  }

  /** @param processId Of the container, to see what it uses now. @throws RuntimeError `ResizeError`. */
  async apply(containerId: string, resources: ContainerResources, version: CgroupVersion, processId: number | undefined): Promise<void> {
    try {
      const program = await ociRuntimeOf(containerId)
      if (version === 2) await checkMemory(resources, processId)
      await this.#run(program, containerId, await withoutSwap(ociResources(resources), version))
    } catch (error) {
      throw new RuntimeError('ResizeError', (error as Error).message, { cause: error })
    }
    await mkdir(this.#directory, { recursive: true, mode: 0o700 })
    await writeFile(join(this.#directory, containerId), JSON.stringify({ ...(await this.changed(containerId)), ...resources }), {
      mode: 0o600,
    })
  }

  /** What was changed since the container was made. */
  async changed(containerId: string): Promise<ContainerResources | undefined> {
    const text = await readIfPresent(join(this.#directory, containerId))
    return text === undefined ? undefined : (JSON.parse(text) as ContainerResources)
  }

  async #run(program: string, containerId: string, change: object): Promise<void> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 })
    const file = join(this.#directory, `${containerId}.json`)
    try {
      await writeFile(file, JSON.stringify(change), { mode: 0o600 })
      await runCommand(program, ['update', '--resources', file, containerId])
    } finally {
      await rm(file, { force: true })
    }
  }

  async forget(containerId: string): Promise<void> {
    await rm(join(this.#directory, containerId), { force: true })
  }
}

/** Cgroup v2 kills what is too large; v1 refuses by itself. */
async function checkMemory({ memoryLimitBytes }: ContainerResources, processId: number | undefined): Promise<void> {
  if (memoryLimitBytes === undefined || processId === undefined) return
  const folder = /^0::(.*)$/m.exec(await readFile(`/proc/${processId}/cgroup`, 'utf8'))?.[1]
  const used = Number(await readIfPresent(join(CGROUP_ROOT, folder ?? '', 'memory.current')))
  if (used > memoryLimitBytes) throw new Error(`attempting to set memory limit (${memoryLimitBytes}) below current usage (${used})`)
}

/** A kernel that does not count swap has no place for its limit. */
async function withoutSwap(resources: OciResources, version: CgroupVersion): Promise<object> {
  if (version === 2 || !resources.memory) return resources
  const counts = await access(join(CGROUP_ROOT, 'memory/memory.memsw.limit_in_bytes')).then(
    () => true,
    () => false,
  )
  return counts ? resources : { ...resources, memory: { limit: resources.memory.limit } }
}
