import type { Container, Pod } from '@bramble/api/types/pod'
import type { ContainerState, Mount } from '../runtime/runtime.ts'
import type { ConfigSource, EnvEntry, PodFacts } from './environment.ts'

/** The files of pods on this node: volumes, logs, what containers say when they end. `volumes/disk-pod-files.ts`, `volumes/memory-pod-files.ts`. */
export interface PodFiles {
  /**
   * Makes the pod's volumes, or brings them up to date: content of ConfigMaps and Secrets changes in one instant. Safe to repeat.
   * @throws VolumeError when one cannot be made.
   */
  prepare(pod: Pod, source: ConfigSource): Promise<void>
  /**
   * What an attempt of a container needs before it is created: folder of its log, file for its last words, volumes; /etc/hosts and
   * /etc/resolv.conf where the pod wants others than the runtime gives it. Needs {@link prepare} before.
   * @throws RuntimeError `CreateContainerConfigError` when a sub path leads out of its volume.
   */
  containerMounts(pod: Pod, container: Container, attempt: number, env: readonly EnvEntry[], facts: PodFacts): Promise<readonly Mount[]>
  /** What an ended container left to say, as its policy wants; '' when nothing. At most 4096 bytes. */
  terminationMessage(pod: Pod, container: Container, state: ContainerState): Promise<string>
  /** Log and other files of one attempt. */
  removeAttempt(pod: Pick<Pod, 'metadata'>, state: ContainerState): Promise<void>
  /** Everything, logs included; absent = success. */
  removePod(pod: Pick<Pod, 'metadata'>): Promise<void>
  /** Everything of pods that are not known: left by an agent that died while it removed them. */
  removeUnknown(isKnown: (podUid: string) => boolean): Promise<void>
}

export class VolumeError extends Error {
  override readonly name = 'VolumeError'
  readonly volume: string
  constructor(volume: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.volume = volume
  }
}

/** What a pod refers to by name, sorted: when one changes, its volumes or variables may have to. */
export function referredConfigs(pod: Pod): { readonly configMaps: readonly string[]; readonly secrets: readonly string[] } {
  const configMaps = new Set<string>()
  const secrets = new Set<string>()
  for (const volume of pod.spec.volumes ?? []) {
    if (volume.configMap) configMaps.add(volume.configMap.name ?? '')
    if (volume.secret) secrets.add(volume.secret.secretName ?? '')
  }
  for (const container of [...pod.spec.containers, ...(pod.spec.initContainers ?? [])]) {
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

/** Differs when something that the pod refers to has changed, come or gone. */
export function configVersion(pod: Pod, source: ConfigSource): string {
  const namespace = pod.metadata.namespace ?? ''
  const { configMaps, secrets } = referredConfigs(pod)
  const version = (kind: string, name: string, object: { readonly metadata: Pod['metadata'] } | undefined): string =>
    `${kind} ${name} ${object?.metadata.uid ?? ''} ${object?.metadata.resourceVersion ?? ''}`
  return [
    ...configMaps.map((name) => version('ConfigMap', name, source.configMap(namespace, name))),
    ...secrets.map((name) => version('Secret', name, source.secret(namespace, name))),
  ].join('\n')
}
