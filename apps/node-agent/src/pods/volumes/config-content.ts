import type { ConfigMap, Secret } from '@bramble/api/types/core'
import type { KeyToPath, Pod, Volume } from '@bramble/api/types/pod'
import type { ConfigSource } from '../environment.ts'
import { VolumeError } from '../pod-files.ts'

/** The files of one volume: relative path → content and permission bits. */
export type VolumeContent = ReadonlyMap<string, { readonly data: Buffer; readonly mode: number }>

/**
 * What a ConfigMap or Secret volume shall hold now. Pure.
 *
 * @throws VolumeError in Kubernetes' words when the object, or a key of it, is missing and not optional, or a path leads out.
 * @see Source: kubelet volume/configmap MakePayload.
 */
export function configContent(pod: Pod, volume: Volume, source: ConfigSource): VolumeContent {
  const namespace = pod.metadata.namespace ?? ''
  if (volume.configMap) {
    const { name = '', items, defaultMode, optional } = volume.configMap
    return content(
      volume.name,
      `configmap "${name}" not found`,
      configMapData(source.configMap(namespace, name)),
      items,
      defaultMode,
      optional,
    )
  }
  const { secretName = '', items, defaultMode, optional } = volume.secret ?? {}
  return content(
    volume.name,
    `secret "${secretName}" not found`,
    secretData(source.secret(namespace, secretName)),
    items,
    defaultMode,
    optional,
  )
}

const DEFAULT_MODE = 0o644

function content(
  volume: string,
  missing: string,
  data: ReadonlyMap<string, Buffer> | undefined,
  items: readonly KeyToPath[] | undefined,
  defaultMode: number = DEFAULT_MODE,
  optional: boolean = false,
): VolumeContent {
  if (!data) {
    if (optional) return new Map()
    throw new VolumeError(volume, missing)
  }
  const files = new Map<string, { readonly data: Buffer; readonly mode: number }>()
  if (!items || items.length === 0) for (const [key, value] of data) files.set(key, { data: value, mode: defaultMode })
  for (const { key, path, mode } of items ?? []) {
    const value = data.get(key)
    if (value) files.set(path, { data: value, mode: mode ?? defaultMode })
    else if (!optional) throw new VolumeError(volume, `references non-existent config key: ${key}`)
  }
  for (const path of files.keys())
    if (path === '' || path.startsWith('/') || path.startsWith('..') || path.split('/').includes('..'))
      throw new VolumeError(volume, `path "${path}" must be relative and not contain '..'`)
  return files
}

const configMapData = (object: ConfigMap | undefined): ReadonlyMap<string, Buffer> | undefined =>
  object &&
  new Map([
    ...Object.entries(object.data ?? {}).map(([key, value]) => [key, Buffer.from(value, 'utf8')] as const),
    ...Object.entries(object.binaryData ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64')] as const),
  ])

const secretData = (object: Secret | undefined): ReadonlyMap<string, Buffer> | undefined =>
  object && new Map(Object.entries(object.data ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64')] as const))
