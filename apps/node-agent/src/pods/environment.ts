import { cpuMillis, memoryBytes, quantityValue } from '@bramble/api/quantity'
import type { ConfigMap, Secret } from '@bramble/api/types/core'
import type { Container, EnvFromSource, EnvVar, Pod } from '@bramble/api/types/pod'
import type { Service } from '@bramble/api/types/service'
import type { PersistentVolume, PersistentVolumeClaim } from '@bramble/api/types/volume'
import { RuntimeError } from '../runtime/runtime.ts'
import { serviceVariables } from './service-variables.ts'

/** Where environment variables and volumes come from: what this node was assigned. */
export interface ConfigSource {
  configMap(namespace: string, name: string): ConfigMap | undefined
  secret(namespace: string, name: string): Secret | undefined
  services(): readonly Service[]
  persistentVolumeClaim(namespace: string, name: string): PersistentVolumeClaim | undefined
  persistentVolume(name: string): PersistentVolume | undefined
  /** Service account tokens that a pod mounts, as text by `<volume>/<path>`; undefined while the control plane has sent none. */
  podTokens(namespace: string, podName: string): Readonly<Record<string, string>> | undefined
}

/** What is known of a pod only on its node. */
export interface PodFacts {
  readonly nodeName: string
  readonly hostIp: string
  /** Of the pod; the host's with host network; empty before the sandbox runs. */
  readonly podIp: string
  /** What a container may use when it has no limit. */
  readonly allocatable: { readonly cpuMillis: number; readonly memoryBytes: number }
}

export interface EnvEntry {
  readonly name: string
  readonly value: string
}

/**
 * The variables of a container, in the order they were written: `envFrom`, `env` with `$(NAME)` expanded, then those of services that
 * nothing hides.
 *
 * @throws RuntimeError `CreateContainerConfigError` when something that is not optional is missing.
 * @see Source: kubelet makeEnvironmentVariables.
 */
export function makeEnvironment(pod: Pod, container: Container, source: ConfigSource, facts: PodFacts): readonly EnvEntry[] {
  const links = serviceVariables(source.services(), pod.metadata.namespace ?? '', pod.spec.enableServiceLinks ?? true)
  const values = new Map<string, string>()
  for (const from of container.envFrom ?? []) for (const [name, value] of valuesFrom(pod, from, source)) values.set(name, value)
  for (const variable of container.env ?? []) {
    const value = variable.valueFrom
      ? referredValue(pod, container, variable, source, facts)
      : expand(variable.value ?? '', (name) => values.get(name) ?? links.get(name))
    if (value !== undefined) values.set(variable.name, value)
  }
  for (const [name, value] of links) if (!values.has(name)) values.set(name, value)
  return [...values].map(([name, value]) => ({ name, value }))
}

/**
 * `$(NAME)` becomes the variable's value, or stays as it is when there is none; `$$` becomes `$`.
 * @see Source: kubernetes third_party/forked/golang/expansion.
 */
export const expand = (text: string, lookUp: (name: string) => string | undefined): string =>
  text.replace(
    /\$(?:(\$)|\(([^)]*)\))/g,
    (whole, dollar: string | undefined, name: string | undefined) => dollar ?? lookUp(name ?? '') ?? whole,
  )

/**
 * A field of a pod as text; undefined when the path is none that pods may refer to.
 * @see Source: core/v1 ObjectFieldSelector; Kubernetes "Downward API".
 */
export function podField(pod: Pod, path: string, facts: PodFacts): string | undefined {
  const keyed = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(path)
  if (keyed) return pod.metadata[keyed[1] as 'labels' | 'annotations']?.[keyed[2]!] ?? ''
  switch (path) {
    case 'metadata.name':
      return pod.metadata.name
    case 'metadata.namespace':
      return pod.metadata.namespace ?? ''
    case 'metadata.uid':
      return pod.metadata.uid
    case 'metadata.labels':
      return quotedMap(pod.metadata.labels)
    case 'metadata.annotations':
      return quotedMap(pod.metadata.annotations)
    case 'spec.nodeName':
      return pod.spec.nodeName ?? facts.nodeName
    case 'spec.serviceAccountName':
      return pod.spec.serviceAccountName ?? ''
    case 'status.hostIP':
    case 'status.hostIPs':
      return facts.hostIp
    case 'status.podIP':
    case 'status.podIPs':
      return facts.podIp
    default:
      return undefined
  }
}

/** Requests and limits in units of `divisor`, rounded up; without a limit what the node can give. @returns undefined for other resources. */
export function resourceField(
  pod: Pod,
  container: Container,
  field: { readonly containerName?: string; readonly resource: string; readonly divisor?: string | number },
  facts: PodFacts,
): string | undefined {
  const of =
    field.containerName === undefined || field.containerName === ''
      ? container
      : [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].find(({ name }) => name === field.containerName)
  const match = /^(limits|requests)\.(cpu|memory)$/.exec(field.resource)
  if (!of || !match) return undefined
  const [kind, name] = [match[1] as 'limits' | 'requests', match[2] as 'cpu' | 'memory']
  const written = of.resources?.[kind]?.[name]
  const amountOf = name === 'cpu' ? (quantity: string | number) => cpuMillis(quantity) / 1000 : memoryBytes
  const most = name === 'cpu' ? facts.allocatable.cpuMillis / 1000 : facts.allocatable.memoryBytes
  const amount = written !== undefined ? amountOf(written) : kind === 'limits' ? most : 0
  const divisor = quantityValue(field.divisor ?? 1) || 1
  return String(Math.ceil(Number((amount / divisor).toPrecision(12))))
}

const quotedMap = (map: Readonly<Record<string, string>> = {}): string =>
  Object.entries(map)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join('\n')

function valuesFrom(pod: Pod, from: EnvFromSource, source: ConfigSource): readonly (readonly [string, string])[] {
  const namespace = pod.metadata.namespace ?? ''
  const reference = from.configMapRef ?? from.secretRef
  if (!reference) return []
  const name = reference.name ?? ''
  const data = from.configMapRef ? source.configMap(namespace, name)?.data : decoded(source.secret(namespace, name)?.data)
  const exists = from.configMapRef ? source.configMap(namespace, name) : source.secret(namespace, name)
  if (!exists) {
    if (reference.optional) return []
    throw configError(`${from.configMapRef ? 'configmap' : 'secret'} "${name}" not found`)
  }
  return Object.entries(data ?? {})
    .map(([key, value]) => [`${from.prefix ?? ''}${key}`, value] as const)
    .filter(([key]) => isVariableName(key))
}

function referredValue(
  pod: Pod,
  container: Container,
  { name, valueFrom }: EnvVar,
  source: ConfigSource,
  facts: PodFacts,
): string | undefined {
  const { configMapKeyRef, secretKeyRef, fieldRef, resourceFieldRef } = valueFrom!
  const namespace = pod.metadata.namespace ?? ''
  if (fieldRef)
    return podField(pod, fieldRef.fieldPath, facts) ?? refuse(`unsupported pod field of variable ${name}: ${fieldRef.fieldPath}`)
  if (resourceFieldRef)
    return (
      resourceField(pod, container, resourceFieldRef, facts) ??
      refuse(`unsupported container resource of variable ${name}: ${resourceFieldRef.resource}`)
    )
  const [selector, kind] = configMapKeyRef ? ([configMapKeyRef, 'ConfigMap'] as const) : ([secretKeyRef, 'Secret'] as const)
  if (!selector) return ''
  const from = selector.name ?? ''
  const object = kind === 'ConfigMap' ? source.configMap(namespace, from) : source.secret(namespace, from)
  const data = kind === 'ConfigMap' ? object?.data : decoded(object?.data)
  if (data && Object.hasOwn(data, selector.key)) return data[selector.key]
  if (selector.optional) return undefined
  return refuse(object ? `couldn't find key ${selector.key} in ${kind} ${namespace}/${from}` : `${kind.toLowerCase()} "${from}" not found`)
}

const decoded = (data: Readonly<Record<string, string>> | undefined): Record<string, string> =>
  Object.fromEntries(Object.entries(data ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64').toString('utf8')]))

/** What a process environment can hold; Kubernetes' relaxed rule. */
const isVariableName = (name: string): boolean => /^[ -<>-~]+$/.test(name)

const configError = (message: string): RuntimeError => new RuntimeError('CreateContainerConfigError', message)
const refuse = (message: string): never => {
  throw configError(message)
}
