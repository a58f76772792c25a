import type { Clock } from '@bramble/reconcile/env'
import { HostError, runCommand } from '../../host/exec.ts'
import { fullImageName, isLocalImage } from '../podman/image-reference.ts'
import { loginsFor, platformProblem } from '../podman/pulls.ts'
import { type ImageService, type ImageState, type RegistryLogin, RuntimeError, type RuntimeReason } from '../runtime.ts'
import { authConfig } from './convert.ts'
import { absent, type CriClient, CriError, reasoned } from './cri-client.ts'
import { ImageService as Service } from './grpc/api_pb.js'
import { imageState, verboseInfo } from './observed.ts'
import { underLease } from './pull-lease.ts'

const PULL_MS_MAX = 60 * 60_000
const IMPORT_MS_MAX = 30 * 60_000
/** The runtime hears of an import by an event of its own. */
const IMPORT_SEEN_MS_MAX = 5_000
const LOOK_AGAIN_MS = 50

/** Images where the runtime keeps them, under the names that Kubernetes gives them. */
export class CriImages implements ImageService {
  readonly #client: CriClient
  readonly #clock: Clock
  readonly #sandboxImage: () => Promise<string | undefined>

  /** @param sandboxImage What every pod is made of. */
  constructor(client: CriClient, clock: Clock, sandboxImage: () => Promise<string | undefined>) {
    this.#client = client
    this.#clock = clock
    this.#sandboxImage = sandboxImage
  }

  async imageStatus(reference: string): Promise<ImageState | undefined> {
    const image = fullImageName(reference)
    const asked = this.#client.call(Service.method.imageStatus, { image: { image }, verbose: true })
    const found = await reasoned('ImageInspectError', asked)
    return found.image && imageState(found.image, verboseInfo(found.info))
  }

  async pullImage(reference: string, logins: readonly RegistryLogin[], signal: AbortSignal): Promise<ImageState> {
    const name = fullImageName(reference)
    if (isLocalImage(name))
      throw new RuntimeError(
        'ErrImagePull',
        `image ${name} is made on the node itself and is not here: load it with "ctr -n k8s.io images import"`,
      )
    const before = await this.imageStatus(name)
    const auths = [...loginsFor(name, logins).map(authConfig), undefined]
    await underLease(this.#client, this.#clock, name, (headers) => this.#pullWith(name, auths, headers, signal))
    const state = await this.imageStatus(name)
    if (!state) throw new RuntimeError('ErrImagePull', `image ${name} was pulled and is gone again`)
    const problem = platformProblem(state.platform, process.arch)
    if (problem === undefined) return state
    if (before?.id !== state.id) await this.removeImage(state.id)
    throw new RuntimeError('ErrImagePull', `pulling ${name}: ${problem}`)
  }

  async loadImages(archivePath: string, signal: AbortSignal): Promise<readonly ImageState[]> {
    const before = new Set((await this.listImages()).map(({ id }) => id))
    const names = await this.import(archivePath, signal)
    const states: ImageState[] = []
    for (const name of names) {
      const state = await this.#appears(name, signal)
      if (state) states.push(state)
    }
    if (names.length > 0) return states
    return (await this.listImages()).filter(({ id }) => !before.has(id))
  }

  async listImages(): Promise<readonly ImageState[]> {
    const [{ images }, sandboxImage] = await Promise.all([
      reasoned('RuntimeUnavailable', this.#client.call(Service.method.listImages, {})),
      this.#sandboxImage(),
    ])
    return images
      .map((image) => imageState(image))
      .map((state) => (sandboxImage !== undefined && state.names.includes(sandboxImage) ? { ...state, pinned: true } : state))
  }

  async removeImage(id: string): Promise<void> {
    await absent(this.#client.call(Service.method.removeImage, { image: { image: id } }))
  }

  /** Where images are kept. @throws CriError. */
  async folder(): Promise<string> {
    const { imageFilesystems } = await this.#client.call(Service.method.imageFsInfo, {})
    return imageFilesystems[0]?.fsId?.mountpoint ?? '/'
  }

  /** By containerd's own tool: CRI has no call for it. @returns names, as the tool says them. @throws RuntimeError `ErrImagePull`. */
  async import(archivePath: string, signal: AbortSignal): Promise<readonly string[]> {
    try {
      const args = ['--address', this.#client.socketPath, '--namespace', 'k8s.io', 'images', 'import', archivePath]
      const { stdout } = await runCommand('ctr', args, { signal, timeoutMs: IMPORT_MS_MAX })
      return importedNames(stdout)
    } catch (error) {
      signal.throwIfAborted()
      const isMissing = error instanceof HostError && error.exitCode === undefined && /not installed/.test(error.message)
      throw new RuntimeError(
        'ErrImagePull',
        isMissing
          ? `${archivePath} cannot be loaded: ctr, containerd's command, is not installed on this node`
          : `loading ${archivePath}: ${error instanceof HostError ? error.stderr.trim() || error.message : (error as Error).message}`,
        { cause: error },
      )
    }
  }

  async #appears(name: string, signal: AbortSignal): Promise<ImageState | undefined> {
    for (let waitedMs = 0; waitedMs <= IMPORT_SEEN_MS_MAX && !signal.aborted; waitedMs += LOOK_AGAIN_MS) {
      const state = await this.imageStatus(name)
      if (state) return state
      await this.#clock.sleep(LOOK_AGAIN_MS, signal)
    }
    return undefined
  }

  /** Each in turn until one succeeds. */
  async #pullWith(
    name: string,
    auths: readonly (ReturnType<typeof authConfig> | undefined)[],
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<void> {
    const problems = new Set<string>()
    for (const auth of auths)
      try {
        const request = { image: { image: name }, ...(auth && { auth }) }
        await this.#client.call(Service.method.pullImage, request, { signal, headers, timeoutMs: PULL_MS_MAX })
        return
      } catch (error) {
        if (!(error instanceof CriError)) throw error
        problems.add(error.message)
      }
    const words = [...problems].join('; ')
    throw new RuntimeError(pullReason(words), /no match for platform/.test(words) ? `${words}; this node is ${ownPlatform()}` : words)
  }
}

/** @see Source: kubernetes pkg/kubelet/images, `evalCRIPullErr`. */
const pullReason = (words: string): RuntimeReason =>
  words.startsWith('RegistryUnavailable')
    ? 'RegistryUnavailable'
    : words.startsWith('SignatureValidationFailed')
      ? 'SignatureValidationFailed'
      : 'ErrImagePull'

/** As Go calls this machine. */
export const ownArchitecture = (): string => (process.arch === 'x64' ? 'amd64' : process.arch)
const ownPlatform = (): string => `linux/${ownArchitecture()}`

/** `unpacking NAME (sha256:…)...done` up to containerd 1.7, `NAME saved` later. */
export const importedNames = (output: string): readonly string[] => [
  ...new Set(
    output
      .split('\n')
      .map((line) => /^unpacking (\S+) \(sha256:/.exec(line)?.[1] ?? /^(\S+)\s+saved\b/.exec(line)?.[1])
      .filter((name) => name !== undefined),
  ),
]
