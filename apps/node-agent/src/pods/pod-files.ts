import { createHash } from 'node:crypto'
import type { Container, Pod, ProjectedSource, Volume } from '@bramble/api/types/pod'
import type { PersistentVolume } from '@bramble/api/types/volume'
import type { ContainerState, Device, Mount } from '../runtime/runtime.ts'
import { containersOf } from './containers.ts'
import type { ConfigSource, EnvEntry, PodFacts, Warn } from './environment.ts'

/** The files of pods on this node: volumes, logs, what containers say when they end. `volumes/disk-pod-files.ts`, `volumes/memory-pod-files.ts`. */
export interface PodFiles {
  /**
   * Makes the pod's volumes, or brings them up to date: content of ConfigMaps and Secrets changes in one instant. Safe to repeat. Waits
   * seconds at most: for a volume that takes longer it throws, and looks how far it is when it is called again.
   * @throws VolumeError when some cannot be made; the others are.
   */
  prepare(pod: Pod, source: ConfigSource, facts: PodFacts): Promise<void>
  /**
   * What an attempt of a container needs before it is created: folder of its log, file for its last words, volumes, /etc/hosts and
   * /etc/resolv.conf. Needs {@link prepare} before.
   * @throws RuntimeError `CreateContainerConfigError` when a sub path leads out of its volume.
   */
  containerMounts(
    pod: Pod,
    container: Container,
    attempt: number,
    env: readonly EnvEntry[],
    facts: PodFacts,
    warn?: Warn,
  ): Promise<readonly Mount[]>
  /** Block devices of volumes, under the names that the container has for them. Needs {@link prepare} before. @throws as containerMounts. */
  containerDevices(pod: Pod, container: Container): Promise<readonly Device[]>
  /** Text of the files that the container's variables refer to, by `<volume>/<path>`; those that cannot be read are left out. */
  environmentFiles(pod: Pod, container: Container): Promise<ReadonlyMap<string, string>>
  /** What an ended container left to say, as its policy wants; '' when nothing. At most 4096 bytes. */
  terminationMessage(pod: Pod, container: Container, state: ContainerState): Promise<string>
  /** What the pod's emptyDir volumes and logs occupy now. Looks at every file of them: ask rarely. */
  usageOf(pod: Pick<Pod, 'metadata'>, signal?: AbortSignal): Promise<PodDiskUsage>
  /** What a pod that has ended kept in its emptyDir volumes; absent = success. */
  removeEmptyDirs(pod: Pick<Pod, 'metadata'>): Promise<void>
  /** Log and other files of one attempt. */
  removeAttempt(pod: Pick<Pod, 'metadata'>, state: ContainerState): Promise<void>
  /** Everything, logs included; absent = success. What is mounted is unmounted, never deleted. */
  removePod(pod: Pick<Pod, 'metadata'>): Promise<void>
  /** Everything of pods that are not known: left by an agent that died while it removed them. */
  removeUnknown(isKnown: (podUid: string) => boolean): Promise<void>
  /**
   * The folder of a volume of the cluster's own provisioner, with all that is in it; absent = success.
   * @returns false while a pod of this node has it.
   * @throws Error when it must not be removed, or cannot be.
   */
  removeVolume(volume: PersistentVolume): Promise<boolean>
}

export interface PodDiskUsage {
  /** Of type emptyDir. */
  readonly volumes: readonly VolumeUsage[]
  readonly logBytes: number
  /** The same by container. */
  readonly containerLogBytes?: Readonly<Record<string, number>>
}
export interface VolumeUsage {
  readonly name: string
  readonly usedBytes: number
  readonly inodes: number
  /** It is counted against memory, not the disk. */
  readonly inMemory: boolean
}

/** How far a volume came: its claim was followed, its node checked, it was mounted for the node, for the pod, or mapped as a device. */
export type VolumeStage = 'process' | 'affinity' | 'stage' | 'mount' | 'map'

export class VolumeError extends Error {
  override readonly name = 'VolumeError'
  /** As the pod names it. */
  readonly volume: string
  readonly stage: VolumeStage
  /** The pod's name for it, or that of its PersistentVolume. */
  readonly shownName: string
  /** Other volumes of the pod that failed as well. */
  readonly others: readonly VolumeError[]

  constructor(
    volume: string,
    message: string,
    options: ErrorOptions & { readonly stage?: VolumeStage; readonly shownName?: string; readonly others?: readonly VolumeError[] } = {},
  ) {
    super(message, options)
    this.volume = volume
    this.stage = options.stage ?? 'mount'
    this.others = options.others ?? []
    this.shownName = options.shownName ?? volume
  }

  /** Reason and message of the Event that tells people. @see Source: kubelet volumemanager, operation_generator. */
  event(): { readonly reason: string; readonly message: string } {
    const about = `for volume "${this.shownName}" : ${this.message}`
    if (this.stage === 'map') return { reason: 'FailedMapVolume', message: `MapVolume.SetUpDevice failed ${about}` }
    if (this.stage === 'affinity') return { reason: 'FailedMount', message: `MountVolume.NodeAffinity check failed ${about}` }
    if (this.stage === 'stage') return { reason: 'FailedMount', message: `MountVolume.MountDevice failed ${about}` }
    if (this.stage === 'mount') return { reason: 'FailedMount', message: `MountVolume.SetUp failed ${about}` }
    return {
      reason: 'FailedMount',
      message: `Unable to attach or mount volumes: unmounted volumes=[${this.volume}], unattached volumes=[], failed to process volumes=[${this.volume}]: ${this.message}`,
    }
  }
}

/** What a pod refers to by name, sorted: when one changes, its volumes or variables may have to. */
export function referredConfigs(pod: Pod): { readonly configMaps: readonly string[]; readonly secrets: readonly string[] } {
  const configMaps = new Set<string>()
  const secrets = new Set<string>()
  for (const volume of pod.spec.volumes ?? []) {
    if (volume.secret) secrets.add(volume.secret.secretName ?? '')
    if (volume.csi?.nodePublishSecretRef) secrets.add(volume.csi.nodePublishSecretRef.name ?? '')
    for (const { configMap, secret } of sourcesOf(volume)) {
      if (configMap) configMaps.add(configMap.name ?? '')
      if (secret) secrets.add(secret.name ?? '')
    }
  }
  for (const container of containersOf(pod)) {
    for (const from of container.envFrom ?? []) {
      if (from.configMapRef) configMaps.add(from.configMapRef.name ?? '')
      if (from.secretRef) secrets.add(from.secretRef.name ?? '')
    }
    for (const { valueFrom } of container.env ?? []) {
      if (valueFrom?.configMapKeyRef) configMaps.add(valueFrom.configMapKeyRef.name ?? '')
      if (valueFrom?.secretKeyRef) secrets.add(valueFrom.secretKeyRef.name ?? '')
    }
  }
  return { configMaps: [...configMaps].sort(), secrets: [...secrets].sort() }
}

/** Differs when something that the pod refers to, or that its volumes show of itself, has changed, come or gone. */
export function configVersion(pod: Pod, source: ConfigSource): string {
  const { namespace = '', name: podName, labels, annotations } = pod.metadata
  const { configMaps, secrets } = referredConfigs(pod)
  const version = (kind: string, name: string, object: { readonly metadata: Pod['metadata'] } | undefined): string =>
    `${kind} ${name} ${object?.metadata.uid ?? ''} ${object?.metadata.resourceVersion ?? ''}`
  const claims = claimNames(pod).map((name) => ({ name, claim: source.persistentVolumeClaim(namespace, name) }))
  const tokens = source.podTokens(namespace, podName)
  return [
    ...configMaps.map((name) => version('ConfigMap', name, source.configMap(namespace, name))),
    ...secrets.map((name) => version('Secret', name, source.secret(namespace, name))),
    ...claims.flatMap(({ name, claim }) => [
      `PersistentVolumeClaim ${name} ${claim?.metadata.uid ?? ''} ${claim?.status?.phase ?? ''} ${claim?.spec.volumeName ?? ''}`,
      version('PersistentVolume', name, source.persistentVolume(claim?.spec.volumeName ?? '')),
    ]),
    ...(tokens ? [`PodToken ${digest(tokens)}`] : []),
    ...(showsItself(pod) ? [`Pod ${digest([labels, annotations, containersOf(pod).map(({ resources }) => resources)])}`] : []),
  ].join('\n')
}

/** Of volumes that are claimed, by the pod's name for the claim's own. */
const claimNames = ({ metadata, spec }: Pod): readonly string[] =>
  (spec.volumes ?? []).flatMap(({ name, persistentVolumeClaim, ephemeral }) =>
    persistentVolumeClaim ? [persistentVolumeClaim.claimName] : ephemeral ? [`${metadata.name}-${name}`] : [],
  )

const sourcesOf = ({ configMap, projected }: Volume): readonly ProjectedSource[] => [
  ...(configMap ? [{ configMap }] : []),
  ...(projected?.sources ?? []),
]

const showsItself = ({ spec }: Pod): boolean =>
  (spec.volumes ?? []).some((volume) => volume.downwardAPI ?? sourcesOf(volume).some(({ downwardAPI }) => downwardAPI))

const digest = (value: unknown): string => createHash('sha256').update(JSON.stringify(value)).digest('base64')
