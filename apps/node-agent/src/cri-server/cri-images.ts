import type { MessageInitShape } from '@bufbuild/protobuf'
import type { Clock } from '@bramble/reconcile/env'
import type { AuthConfig, FilesystemUsageSchema, ImageSchema, PullImageRequest } from '../runtime/cri/grpc/api_pb.js'
import { fullImageName } from '../runtime/podman/image-reference.ts'
import { type ImageState, type RegistryLogin, type Runtime, RuntimeError } from '../runtime/runtime.ts'
import { nanoseconds } from './convert-status.ts'
import { invalid } from './problem.ts'
import { given } from './sandboxes.ts'

export class CriImages {
  readonly #runtime: Runtime
  readonly #clock: Clock

  constructor(runtime: Runtime, clock: Clock) {
    this.#runtime = runtime
    this.#clock = clock
  }

  /** By a name, an id, or how an id begins; undefined when it is not here. */
  async find(reference: string): Promise<ImageState | undefined> {
    const id = /^(?:sha256:)?([0-9a-f]{6,64})$/.exec(reference)?.[1]
    if (id?.length === 64) return this.#runtime.imageStatus(`sha256:${id}`)
    const found = await this.#runtime.imageStatus(reference)
    if (found || id === undefined) return found
    const ones = (await this.#runtime.listImages()).filter((image) => image.id.startsWith(`sha256:${id}`))
    return ones.length === 1 ? ones[0] : undefined
  }

  /** @param reference '' for all. */
  async list(reference: string): Promise<MessageInitShape<typeof ImageSchema>[]> {
    if (reference === '') return (await this.#runtime.listImages()).map(criImage)
    const found = await this.find(reference)
    return found ? [criImage(found)] : []
  }

  /** @returns its id. */
  async pull({ image, auth }: PullImageRequest, signal: AbortSignal): Promise<string> {
    const reference = given(image?.image || undefined, 'name of the image')
    const login = auth && loginOf(auth, fullImageName(reference))
    return (await this.#runtime.pullImage(reference, login ? [login] : [], signal)).id
  }

  /** Absent = success. */
  async remove(reference: string): Promise<void> {
    const found = await this.find(reference)
    if (found) await this.#runtime.removeImage(found.id)
  }

  /** Where images are kept, and how much they are, each counted whole though they may share layers. */
  async usage(): Promise<MessageInitShape<typeof FilesystemUsageSchema>> {
    const [mountpoint, images] = await Promise.all([this.#runtime.imageFolder(), this.#runtime.listImages()])
    const usedBytes = images.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
    return { timestamp: nanoseconds(this.#clock.nowMs()), fsId: { mountpoint }, usedBytes: { value: BigInt(usedBytes) } }
  }
}

export const criImage = (image: ImageState): MessageInitShape<typeof ImageSchema> => ({
  id: image.id,
  repoTags: [...image.names],
  repoDigests: [...image.digests],
  size: BigInt(image.sizeBytes),
  ...(image.userId !== undefined && { uid: { value: BigInt(image.userId) } }),
  username: image.userName ?? '',
  spec: { image: image.id },
  pinned: image.pinned ?? false,
})

/** What a status tells when it is asked to say more, as containerd does. */
export function imageInfo({ platform }: ImageState): Record<string, string> {
  const [os, architecture, variant] = platform?.split('/') ?? []
  return { info: JSON.stringify({ imageSpec: { os, architecture, variant } }) }
}

/** undefined for a login as nobody. @param name Full name of the image: the login is for its registry, unless it names its own. */
export function loginOf(auth: AuthConfig, name: string): RegistryLogin | undefined {
  if (auth.registryToken !== '') throw invalid('tokens of registries are not supported; give a user name and a password')
  const registry = auth.serverAddress || name.split('/')[0]!
  if (auth.identityToken !== '') return { registry, identityToken: auth.identityToken }
  if (auth.username !== '') return { registry, username: auth.username, password: auth.password }
  if (auth.auth === '') return undefined
  const [username = '', ...password] = Buffer.from(auth.auth, 'base64').toString('utf8').replaceAll('\0', '').split(':')
  if (password.length === 0) throw new RuntimeError('ErrImagePull', 'invalid auth: it must be a user name, ":" and a password in base64')
  return { registry, username, password: password.join(':') }
}
