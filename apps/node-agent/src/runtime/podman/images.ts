import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import type { Log } from '@bramble/reconcile/env'
import { runCommand } from '../../host/exec.ts'
import { type ImageService, type ImageState, type RegistryLogin, RuntimeError } from '../runtime.ts'
import { type PodmanClient, PodmanError } from './client.ts'
import { imageState } from './convert.ts'
import { isStatus } from './errors.ts'
import { fullImageName, isLocalImage } from './image-reference.ts'
import type { InspectedImage, ListedImage } from './libpod.ts'
import { credentialsFor, isDamage, platformProblem } from './pulls.ts'

const PULL_MS_MAX = 60 * 60_000

export interface PodmanImagesOptions {
  readonly client: PodmanClient
  readonly log: Log
  /** Where Podman keeps its things. */
  readonly graphRoot: () => Promise<string>
}

/** Images in Podman's storage, under the names that Kubernetes gives them. Registries are as Podman's registries.conf has them. */
export class PodmanImages implements ImageService {
  readonly #client: PodmanClient
  readonly #log: Log
  readonly #graphRoot: () => Promise<string>

  constructor({ client, log, graphRoot }: PodmanImagesOptions) {
    this.#client = client
    this.#log = log
    this.#graphRoot = graphRoot
  }

  async imageStatus(reference: string): Promise<ImageState | undefined> {
    const name = fullImageName(reference)
    try {
      return imageState(await this.#inspect(name))
    } catch (error) {
      if (isStatus(error, 404)) return undefined
      if (!(error instanceof PodmanError)) throw error
      if (isDamage(error.message) && (await this.#removeDamaged(name))) return undefined
      throw new RuntimeError('ImageInspectError', `image ${name}: ${error.message}`, { cause: error })
    }
  }

  async pullImage(reference: string, logins: readonly RegistryLogin[], signal: AbortSignal): Promise<ImageState> {
    const name = fullImageName(reference)
    if (isLocalImage(name))
      throw new RuntimeError(
        'ErrImagePull',
        `image ${name} is made on the node itself and is not here: build it, or load it with "podman load"`,
      )
    const before = await this.imageStatus(name)
    await this.#pullWithAny(name, logins, signal)
    const state = await this.imageStatus(name)
    if (!state) throw new RuntimeError('ErrImagePull', `image ${name} was pulled and is gone again`)
    const problem = platformProblem(state.platform, process.arch)
    if (problem !== undefined) {
      if (state.id !== before?.id) await this.removeImage(state.id)
      throw new RuntimeError('ErrImagePull', `pulling ${name}: ${problem}`)
    }
    await this.#keep()
    return state
  }

  async listImages(): Promise<readonly ImageState[]> {
    try {
      return await this.#list()
    } catch (error) {
      if (!(error instanceof PodmanError) || !isDamage(error.message)) throw error
      const id = /image "?([0-9a-f]{64})/.exec(error.message)?.[1]
      if (id === undefined || !(await this.#removeDamaged(`sha256:${id}`))) throw error
      return this.listImages()
    }
  }

  async loadImages(archivePath: string, signal: AbortSignal): Promise<readonly ImageState[]> {
    const failed = (error: Error): RuntimeError =>
      new RuntimeError('ErrImagePull', `loading ${archivePath}: ${error.message}`, { cause: error })
    try {
      await (await open(archivePath)).close() // before Podman waits for it
      const upload = createReadStream(archivePath)
      const { Names } = await this.#client.call<{ Names: readonly string[] | null }>('POST', '/images/load', {
        upload,
        signal,
        repeatable: false,
        timeoutMs: PULL_MS_MAX,
      })
      const states = await Promise.all((Names ?? []).map((name) => this.imageStatus(name)))
      await this.#keep()
      return states.filter((state) => state !== undefined)
    } catch (error) {
      if (signal.aborted || (error instanceof RuntimeError && error.reason !== 'RuntimeUnavailable')) throw error
      throw failed(error as Error)
    }
  }

  async removeImage(id: string): Promise<void> {
    try {
      await this.#client.call('DELETE', `/images/${encodeURIComponent(bareId(id))}`)
    } catch (error) {
      if (isStatus(error, 404)) return
      throw error instanceof PodmanError
        ? new RuntimeError('ImageInspectError', `image ${id} cannot be removed: ${error.message}`, { cause: error })
        : error
    }
  }

  /** Removes an image when `work` fails since it is damaged: it is pulled anew then. */
  async mending<T>(id: string, work: Promise<T>): Promise<T> {
    try {
      return await work
    } catch (error) {
      if (error instanceof RuntimeError && isDamage(error.message)) await this.#removeDamaged(id)
      throw error
    }
  }

  #inspect(name: string): Promise<InspectedImage> {
    return this.#client.call<InspectedImage>('GET', `/images/${encodeURIComponent(bareId(name))}/json`)
  }

  async #list(): Promise<readonly ImageState[]> {
    const images = await this.#client.call<readonly ListedImage[]>('GET', '/images/json')
    return images.map(imageState)
  }

  /** With each login that fits, then as nobody. What went wrong with the first is told: it was meant for this registry. */
  async #pullWithAny(name: string, logins: readonly RegistryLogin[], signal: AbortSignal): Promise<void> {
    const problems: RuntimeError[] = []
    for (const credentials of [...credentialsFor(name, logins), undefined])
      try {
        return await this.#pull(name, credentials, signal)
      } catch (error) {
        if (!(error instanceof RuntimeError) || error.reason !== 'ErrImagePull') throw error
        problems.push(error)
      }
    throw problems[0]!
  }

  async #pull(name: string, credentials: string | undefined, signal: AbortSignal): Promise<void> {
    const failed = (words: string, cause?: unknown): RuntimeError =>
      new RuntimeError('ErrImagePull', `pulling ${name}: ${words}`, { cause })
    try {
      const lines = await this.#client.lines<{ error?: string }>('/images/pull', {
        query: { reference: name, policy: 'always', quiet: true },
        ...(credentials !== undefined && { headers: { 'X-Registry-Auth': credentials } }),
        signal,
        timeoutMs: PULL_MS_MAX,
      })
      const problem = lines.find((line) => line.error !== undefined)?.error
      if (problem !== undefined) throw failed(problem)
    } catch (error) {
      if (error instanceof PodmanError) throw failed(error.message, error)
      throw error
    }
  }

  /** Podman does not write an image through to the disk: a power cut soon after would leave files without content. */
  async #keep(): Promise<void> {
    await runCommand('sync', ['--file-system', await this.#graphRoot()], { exitCodes: 'any', timeoutMs: SYNC_MS_MAX })
  }

  /** An image whose layers are lost is of no use: it is pulled anew. @returns whether it is gone. */
  async #removeDamaged(name: string): Promise<boolean> {
    this.#log.warn('image is damaged, removing it', { image: name })
    try {
      await this.#client.call('DELETE', `/images/${encodeURIComponent(bareId(name))}`, { query: { force: true } })
      return true
    } catch (error) {
      if (!(error instanceof PodmanError)) throw error
      return error.status === 404
    }
  }
}

const SYNC_MS_MAX = 5 * 60_000
const bareId = (name: string): string => name.replace(/^sha256:/, '')
