import { createHash } from 'node:crypto'
import { tar, type TarEntry } from './tar.ts'

export interface ImageConfig {
  readonly entrypoint?: readonly string[]
  readonly command?: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly labels: Readonly<Record<string, string>>
  readonly ports?: readonly string[]
  /** Name or number of whom it runs as. */
  readonly user?: string
}

export interface ImageArchive {
  /** `sha256:…`; a function of the content alone. */
  readonly id: string
  /** What `podman load` and `ctr images import` read. */
  readonly bytes: Buffer
}

/**
 * An image of one layer. The same name, files and configuration give the same id.
 *
 * @param architecture As Go calls it: `amd64`, `arm64`.
 * @see Source: Docker Image Specification v1.2, "Combined Image JSON + Filesystem Changeset Format".
 */
export function imageArchive(name: string, files: readonly TarEntry[], config: ImageConfig, architecture: string): ImageArchive {
  const layer = tar(files)
  const layerDigest = digest(layer)
  const description = Buffer.from(
    JSON.stringify({
      architecture,
      os: 'linux',
      config: {
        Env: Object.entries(config.env).map(([variable, value]) => `${variable}=${value}`),
        Entrypoint: config.entrypoint ?? null,
        Cmd: config.command ?? null,
        Labels: config.labels,
        ...(config.user !== undefined && { User: config.user }),
        ExposedPorts: Object.fromEntries((config.ports ?? []).map((port) => [port, {}])),
      },
      rootfs: { type: 'layers', diff_ids: [`sha256:${layerDigest}`] },
      history: [{ created: '1970-01-01T00:00:00Z', created_by: 'bramble' }],
      created: '1970-01-01T00:00:00Z',
    }),
  )
  const id = digest(description)
  const manifest = Buffer.from(JSON.stringify([{ Config: `${id}.json`, RepoTags: [name], Layers: [`${layerDigest}.tar`] }]))
  const file = (path: string, data: Uint8Array): TarEntry => ({ path, type: 'file', mode: 0o644, data })
  return {
    id: `sha256:${id}`,
    bytes: tar([file(`${layerDigest}.tar`, layer), file(`${id}.json`, description), file('manifest.json', manifest)]),
  }
}

const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
