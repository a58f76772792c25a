import { posix } from 'node:path'
import type { ConfigMap, Secret } from '@bramble/api/types/core'
import type { DownwardFile, KeyToPath, Pod, ProjectedSource, Volume } from '@bramble/api/types/pod'
import { metadataField, resourceField } from '../downward.ts'
import type { ConfigSource, PodFacts } from '../environment.ts'
import { VolumeError } from '../pod-files.ts'

export interface VolumeFile {
  readonly data: Buffer
  /** Permission bits. */
  readonly mode: number
  /** Owner; absent: root. */
  readonly user?: number
}
/** The files of one volume by relative path. */
export type VolumeContent = ReadonlyMap<string, VolumeFile>

export interface PayloadRequest {
  readonly pod: Pod
  readonly source: ConfigSource
  readonly facts: PodFacts
  /** Of the volume, as the pod names it. */
  readonly name: string
}

const DEFAULT_MODE = 0o644
const TOKEN_MODE = 0o600

/**
 * What a volume of type configMap, secret, downwardAPI or projected shall hold now. Pure.
 *
 * @throws VolumeError in Kubernetes' words when an object, or a key of it, is missing and not optional, or a path cannot be.
 * @see Source: kubelet volume/configmap and volume/secret MakePayload, volume/downwardapi CollectData, volume/projected collectData.
 */
export function volumePayload(volume: Volume, request: PayloadRequest): VolumeContent {
  const { configMap, secret, downwardAPI, projected } = volume
  const sources: readonly ProjectedSource[] =
    projected?.sources ??
    [configMap && { configMap }, secret && { secret: { ...secret, name: secret.secretName ?? '' } }, downwardAPI && { downwardAPI }].filter(
      (source) => source !== undefined,
    )
  const mode = (projected ?? configMap ?? secret ?? downwardAPI)?.defaultMode ?? DEFAULT_MODE
  const content = new Map<string, VolumeFile>()
  const problems: string[] = []
  for (const source of sources)
    try {
      for (const [path, file] of filesOf(source, mode, request)) content.set(posix.normalize(path), file)
    } catch (error) {
      problems.push((error as Error).message)
    }
  if (problems.length === 0) problems.push(...new Set([...content.keys()].flatMap((path) => problemOf(path, content))))
  if (problems.length > 0) throw new VolumeError(request.name, problems.length === 1 ? problems[0]! : `[${problems.join(', ')}]`)
  return content
}

function filesOf(source: ProjectedSource, mode: number, request: PayloadRequest): readonly (readonly [string, VolumeFile])[] {
  const { namespace = '' } = request.pod.metadata
  if (source.configMap) {
    const { name = '', items, optional = false } = source.configMap
    return chosen(configMapData(request.source.configMap(namespace, name)), 'configmap', name, items, mode, optional)
  }
  if (source.secret) {
    const { name = '', items, optional = false } = source.secret
    return chosen(secretData(request.source.secret(namespace, name)), 'secret', name, items, mode, optional)
  }
  if (source.downwardAPI)
    return (source.downwardAPI.items ?? []).map((item) => [item.path, { data: downward(item, request), mode: item.mode ?? mode }])
  if (source.serviceAccountToken) return [[source.serviceAccountToken.path, tokenFile(source.serviceAccountToken.path, mode, request)]]
  throw new Error(`projected volumes with a source of type ${Object.keys(source)[0] ?? '""'} are not supported on this node`)
}

function chosen(
  data: ReadonlyMap<string, Buffer> | undefined,
  kind: 'configmap' | 'secret',
  name: string,
  items: readonly KeyToPath[] | undefined,
  defaultMode: number,
  optional: boolean,
): readonly (readonly [string, VolumeFile])[] {
  if (!data && !optional) throw new Error(`${kind} "${name}" not found`)
  if (!items || items.length === 0) return [...(data ?? [])].map(([key, value]) => [key, { data: value, mode: defaultMode }])
  return items.flatMap(({ key, path, mode = defaultMode }) => {
    const value = data?.get(key)
    if (value) return [[path, { data: value, mode }] as const]
    if (optional) return []
    throw new Error(
      kind === 'secret' ? `references non-existent secret key: ${key}` : `configmap references non-existent config key: ${key}`,
    )
  })
}

function downward({ fieldRef, resourceFieldRef }: DownwardFile, { pod, facts }: PayloadRequest): Buffer {
  if (resourceFieldRef) return Buffer.from(resourceField(pod, undefined, resourceFieldRef, facts))
  const value = fieldRef && metadataField(pod, fieldRef.fieldPath)
  if (value === undefined) throw new Error(`unsupported fieldPath: ${fieldRef?.fieldPath ?? ''}`)
  return Buffer.from(value)
}

/** Readable for its one user, or for the pod's group: nobody else needs it. */
function tokenFile(path: string, defaultMode: number, { pod, source, name }: PayloadRequest): VolumeFile {
  const token = source.podTokens(pod.metadata.namespace ?? '', pod.metadata.name)?.[`${name}/${path}`]
  if (token === undefined)
    throw new Error(
      `failed to fetch token: none for service account "${pod.spec.serviceAccountName ?? 'default'}" has come from the control plane yet`,
    )
  const user = onlyUser(pod)
  const restricted = user !== undefined || pod.spec.securityContext?.fsGroup !== undefined
  return { data: Buffer.from(token), mode: restricted ? TOKEN_MODE : defaultMode, ...(user !== undefined && { user }) }
}

/** The user that all containers run as, when the pod says so. @see Source: kubernetes pkg/volume/util FsUserFrom. */
function onlyUser({ spec }: Pod): number | undefined {
  const users = [...(spec.initContainers ?? []), ...spec.containers].map(
    ({ securityContext }) => securityContext?.runAsUser ?? spec.securityContext?.runAsUser,
  )
  return users.every((user) => user === users[0]) ? users[0] : undefined
}

const PATH_MAX = 4096
const NAME_MAX = 255

/** @see Source: kubernetes pkg/volume/util AtomicWriter validatePath. */
function problemOf(path: string, content: VolumeContent): readonly string[] {
  const parts = path.split('/')
  if (path === '' || path === '.') return [`invalid path: must not be empty: "${path}"`]
  if (path.startsWith('/')) return [`invalid path: must be relative path: ${path}`]
  if (path.length > PATH_MAX) return [`invalid path: must be less than or equal to ${PATH_MAX} characters`]
  if (parts.includes('..')) return [`invalid path: must not contain '..': ${path}`]
  if (parts.some((part) => Buffer.byteLength(part) > NAME_MAX))
    return [`invalid path: filenames must be less than or equal to ${NAME_MAX} characters`]
  if (path.startsWith('..')) return [`invalid path: must not start with '..': ${path}`]
  const folder = parts.map((_, index) => parts.slice(0, index).join('/')).find((parent) => content.has(parent))
  return folder === undefined ? [] : [`invalid path: "${path}" and "${folder}" are in each other's way`]
}

const configMapData = (object: ConfigMap | undefined): ReadonlyMap<string, Buffer> | undefined =>
  object &&
  new Map([
    ...Object.entries(object.data ?? {}).map(([key, value]) => [key, Buffer.from(value, 'utf8')] as const),
    ...Object.entries(object.binaryData ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64')] as const),
  ])

const secretData = (object: Secret | undefined): ReadonlyMap<string, Buffer> | undefined =>
  object && new Map(Object.entries(object.data ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64')] as const))
