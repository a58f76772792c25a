import type { EnvFromSource, EnvVar, Pod, Volume } from '@bramble/api/types/pod'

/** An object of the pod's namespace. */
export interface NamedObject {
  readonly kind: 'ConfigMap' | 'Secret' | 'PersistentVolumeClaim'
  readonly name: string
}

/** What a pod cannot do without, as often as it names it. */
export function namedBy({ metadata: { name: podName }, spec }: Pod): readonly NamedObject[] {
  const found: NamedObject[] = []
  const add = (kind: NamedObject['kind'], name: string | undefined): void => {
    if (name) found.push({ kind, name })
  }
  for (const { env = [], envFrom = [] } of [...(spec.initContainers ?? []), ...spec.containers, ...(spec.ephemeralContainers ?? [])]) {
    env.forEach(({ valueFrom }: EnvVar) => {
      add('ConfigMap', valueFrom?.configMapKeyRef?.name)
      add('Secret', valueFrom?.secretKeyRef?.name)
    })
    envFrom.forEach(({ configMapRef, secretRef }: EnvFromSource) => {
      add('ConfigMap', configMapRef?.name)
      add('Secret', secretRef?.name)
    })
  }
  for (const volume of spec.volumes ?? []) {
    add('ConfigMap', volume.configMap?.name)
    add('Secret', volume.secret?.secretName)
    add('Secret', volume.csi?.nodePublishSecretRef?.name)
    add('PersistentVolumeClaim', claimNameOf(volume, podName))
    for (const source of volume.projected?.sources ?? []) {
      add('ConfigMap', source.configMap?.name)
      add('Secret', source.secret?.name)
    }
  }
  for (const { name } of spec.imagePullSecrets ?? []) add('Secret', name)
  return found
}

/** The claim that a volume of a pod stands for; that of a generic ephemeral volume is made for the pod. */
export const claimNameOf = ({ name, persistentVolumeClaim, ephemeral }: Volume, podName: string): string | undefined =>
  ephemeral ? `${podName}-${name}` : persistentVolumeClaim?.claimName
