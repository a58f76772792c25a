import { createHash } from 'node:crypto'
import type { Container, Pod, Volume } from '@bramble/api/types/pod'
import { CONFIG_HASH, CONFIG_SEEN, CONFIG_SOURCE } from './annotations.ts'

/** What a manifest says is no pod that this node can run by itself. */
export class ManifestError extends Error {
  override readonly name = 'ManifestError'
}

export interface StaticPodPlace {
  readonly nodeName: string
  /** Of the manifest. */
  readonly path: string
  /** RFC 3339, when it was found. */
  readonly seen: string
}

/**
 * The pods of one document of a manifest, as this node runs them: named after the node, with a uid that depends on what they say.
 * @throws ManifestError
 * @see Source: kubelet config applyDefaults; Kubernetes "Create static Pods".
 */
export function staticPods(document: unknown, place: StaticPodPlace): readonly Pod[] {
  const { kind, items } = record(document, 'the document')
  if (kind !== 'List' && kind !== 'PodList') return [staticPod(document, place)]
  if (!Array.isArray(items)) throw new ManifestError('items: Required value')
  return items.map((item) => staticPod(item, place))
}

function staticPod(document: unknown, { nodeName, path, seen }: StaticPodPlace): Pod {
  const { apiVersion, kind, metadata, spec } = record(document, 'the document')
  if (apiVersion !== 'v1' || kind !== 'Pod') throw new ManifestError(`${text(apiVersion)} ${text(kind)} is no Pod of v1`)
  const given = record(metadata, 'metadata') as Partial<Pod['metadata']>
  const { name = '', namespace = 'default', labels, annotations } = given
  const pod = { metadata: { name, namespace }, spec: record(spec, 'spec') as unknown as Pod['spec'] }
  demandNames(name, namespace, nodeName, pod.spec.containers)
  demandNothingOfTheApi(pod.spec)
  const uid = createHash('md5')
    .update(`host:${nodeName}\nfile:${path}\n${JSON.stringify(document)}`)
    .digest('hex')
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `${name.toLowerCase()}-${nodeName}`,
      namespace,
      uid,
      resourceVersion: '',
      creationTimestamp: seen,
      ...(labels && { labels }),
      annotations: { ...annotations, [CONFIG_HASH]: uid, [CONFIG_SEEN]: seen, [CONFIG_SOURCE]: 'file' },
    },
    spec: {
      restartPolicy: 'Always',
      terminationGracePeriodSeconds: 30,
      dnsPolicy: 'ClusterFirst',
      ...pod.spec,
      nodeName,
      // where its node is in trouble it runs all the same
      tolerations: [...(pod.spec.tolerations ?? []), { operator: 'Exists', effect: 'NoExecute' }],
    },
  }
}

const LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/
const NAME = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/
const NAME_CHARACTERS_MAX = 253

function demandNames(name: string, namespace: string, nodeName: string, containers: readonly Container[] | undefined): void {
  if (!NAME.test(name.toLowerCase()) || `${name}-${nodeName}`.length > NAME_CHARACTERS_MAX)
    throw new ManifestError(`metadata.name: Invalid value: ${JSON.stringify(name)}`)
  if (!LABEL.test(namespace)) throw new ManifestError(`metadata.namespace: Invalid value: ${JSON.stringify(namespace)}`)
  if (!Array.isArray(containers) || containers.length === 0) throw new ManifestError('spec.containers: Required value')
  const seen = new Set<string>()
  for (const [index, container] of containers.entries()) {
    const own = record(container, `spec.containers[${index}]`)
    if (typeof own['name'] !== 'string' || !LABEL.test(own['name']))
      throw new ManifestError(`spec.containers[${index}].name: Invalid value: ${text(own['name'])}`)
    if (seen.has(own['name'])) throw new ManifestError(`spec.containers[${index}].name: Duplicate value: ${text(own['name'])}`)
    seen.add(own['name'])
    if (typeof own['image'] !== 'string' || own['image'] === '') throw new ManifestError(`spec.containers[${index}].image: Required value`)
  }
}

/** It runs before and without the API: what it needs must be on the node. Source: Kubernetes podutil HasAPIObjectReference. */
function demandNothingOfTheApi({ serviceAccountName, imagePullSecrets, volumes = [], ephemeralContainers, ...spec }: Pod['spec']): void {
  const refuse = (what: string): never => {
    throw new ManifestError(`static pods may not reference ${what}`)
  }
  if (ephemeralContainers?.length) throw new ManifestError('spec.ephemeralContainers: Forbidden: cannot be set on create')
  if (serviceAccountName) refuse('serviceaccounts')
  if (imagePullSecrets?.length) refuse('secrets')
  for (const { env = [], envFrom = [] } of [...spec.containers, ...(spec.initContainers ?? [])]) {
    if (envFrom.some(({ configMapRef }) => configMapRef) || env.some(({ valueFrom }) => valueFrom?.configMapKeyRef)) refuse('configmaps')
    if (envFrom.some(({ secretRef }) => secretRef) || env.some(({ valueFrom }) => valueFrom?.secretKeyRef)) refuse('secrets')
  }
  for (const volume of volumes) {
    const [what] = apiKindsOf(volume)
    if (what) refuse(what)
  }
}

const apiKindsOf = ({ configMap, secret, persistentVolumeClaim, ephemeral, csi, projected }: Volume): readonly string[] => [
  ...(configMap || projected?.sources?.some((source) => source.configMap) ? ['configmaps'] : []),
  ...(secret || csi?.nodePublishSecretRef || projected?.sources?.some((source) => source.secret) ? ['secrets'] : []),
  ...(persistentVolumeClaim || ephemeral ? ['persistentvolumeclaims'] : []),
  ...(projected?.sources?.some((source) => source.serviceAccountToken) ? ['serviceaccounts'] : []),
]

function record(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new ManifestError(`${what} is not an object`)
  return value as Readonly<Record<string, unknown>>
}
const text = (value: unknown): string => JSON.stringify(value) ?? 'nothing'
