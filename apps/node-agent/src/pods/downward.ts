import { cpuMillis, memoryBytes, quantityValue } from '@bramble/api/quantity'
import type { Container, Pod, ResourceList } from '@bramble/api/types/pod'
import type { PodFacts } from './environment.ts'

// What a pod may be told about itself. Pure.

/**
 * A field of a pod as text; undefined when the path is none that variables may refer to.
 * @see Source: core/v1 ObjectFieldSelector; kubelet podFieldSelectorRuntimeValue.
 */
export function podField(pod: Pod, path: string, facts: PodFacts): string | undefined {
  switch (path) {
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
      return metadataField(pod, path)
  }
}

/**
 * As {@link podField}, of the fields that volumes may refer to.
 * @see Source: kubernetes pkg/fieldpath ExtractFieldPathAsString.
 */
export function metadataField({ metadata }: Pod, path: string): string | undefined {
  const keyed = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(path)
  if (keyed) return metadata[keyed[1] as 'labels' | 'annotations']?.[keyed[2]!] ?? ''
  switch (path) {
    case 'metadata.name':
      return metadata.name
    case 'metadata.namespace':
      return metadata.namespace ?? ''
    case 'metadata.uid':
      return metadata.uid
    case 'metadata.labels':
      return quotedMap(metadata.labels)
    case 'metadata.annotations':
      return quotedMap(metadata.annotations)
    default:
      return undefined
  }
}

export interface ResourceFieldRef {
  readonly containerName?: string
  readonly resource: string
  readonly divisor?: string | number
}

/**
 * Requests and limits in units of the divisor, rounded up; without a limit that of the pod, or what the node can give.
 *
 * @param container Whose they are when the reference names none.
 * @throws Error in Kubernetes' words when there is no such container or resource.
 * @see Source: kubernetes pkg/api/v1/resource ExtractContainerResourceValue, kubelet defaultPodLimitsForDownwardAPI.
 */
export function resourceField(pod: Pod, container: Container | undefined, field: ResourceFieldRef, facts: PodFacts): string {
  const of = field.containerName
    ? [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].find(({ name }) => name === field.containerName)
    : container
  if (!of) throw new Error(`container ${field.containerName ?? ''} not found`)
  const match = /^(limits|requests)\.(cpu|memory|ephemeral-storage|hugepages-.+)$/.exec(field.resource)
  if (!match) throw new Error(`unsupported container resource : ${field.resource}`)
  const [kind, name] = [match[1] as 'limits' | 'requests', match[2]!]
  const amountOf = name === 'cpu' ? cpuMillis : memoryBytes
  const written = amountOf(of.resources?.[kind]?.[name])
  const amount = written === 0 && kind === 'limits' ? fallbackLimit(name, pod.spec.resources?.limits, facts) : written
  const divisor = amountOf(quantityValue(field.divisor ?? 0) === 0 ? 1 : field.divisor)
  return String(Math.ceil(amount / divisor))
}

function fallbackLimit(name: string, ofPod: ResourceList | undefined, { allocatable }: PodFacts): number {
  switch (name) {
    case 'cpu':
      return cpuMillis(ofPod?.['cpu']) || allocatable.cpuMillis
    case 'memory':
      return memoryBytes(ofPod?.['memory']) || allocatable.memoryBytes
    case 'ephemeral-storage':
      return allocatable.ephemeralStorageBytes ?? 0
    default:
      return 0
  }
}

const quotedMap = (map: Readonly<Record<string, string>> = {}): string =>
  Object.entries(map)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${quoted(value)}`)
    .join('\n')

/** As Go's `%q` writes text. */
const quoted = (text: string): string =>
  `"${text.replace(/["\\]|\p{C}|(?! )[\p{Z}]/gu, (character) => ESCAPES[character] ?? escaped(character.codePointAt(0)!))}"`

const ESCAPES: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\u0007': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
}

function escaped(code: number): string {
  const hex = code.toString(16)
  if (code < 0x80) return `\\x${hex.padStart(2, '0')}`
  return code < 0x10000 ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`
}
