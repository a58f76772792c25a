import type { ConfigMap, Secret } from '@bramble/api/types/core'
import type { Container, EnvFromSource, EnvVar, Pod } from '@bramble/api/types/pod'
import type { Service } from '@bramble/api/types/service'
import type { CsiDriver } from '@bramble/api/types/storage'
import type { PersistentVolume, PersistentVolumeClaim } from '@bramble/api/types/volume'
import { RuntimeError } from '../runtime/runtime.ts'
import { podField, resourceField } from './downward.ts'
import { serviceVariables } from './service-variables.ts'

/** Where environment variables and volumes come from: what this node was assigned. */
export interface ConfigSource {
  configMap(namespace: string, name: string): ConfigMap | undefined
  secret(namespace: string, name: string): Secret | undefined
  services(): readonly Service[]
  persistentVolumeClaim(namespace: string, name: string): PersistentVolumeClaim | undefined
  persistentVolume(name: string): PersistentVolume | undefined
  csiDriver(name: string): CsiDriver | undefined
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
  readonly allocatable: { readonly cpuMillis: number; readonly memoryBytes: number; readonly ephemeralStorageBytes?: number }
}

export interface EnvEntry {
  readonly name: string
  readonly value: string
}

/** Tells people what is amiss with a pod that goes on nevertheless: reason and message of a Warning. */
export type Warn = (reason: string, message: string) => void

export interface EnvironmentOptions {
  readonly warn?: Warn
  /** Text of files that variables refer to, by `<volume>/<path>`. */
  readonly files?: ReadonlyMap<string, string>
}

/**
 * The variables of a container, in the order they were written: `envFrom`, `env` with `$(NAME)` expanded, then those of services that
 * nothing hides.
 *
 * @throws RuntimeError `CreateContainerConfigError` when something that is not optional is missing.
 * @see Source: kubelet makeEnvironmentVariables.
 */
export function makeEnvironment(
  pod: Pod,
  container: Container,
  source: ConfigSource,
  facts: PodFacts,
  options: EnvironmentOptions = {},
): readonly EnvEntry[] {
  const links = serviceVariables(source.services(), pod.metadata.namespace ?? '', pod.spec.enableServiceLinks ?? true)
  const values = new Map<string, string>()
  for (const from of container.envFrom ?? [])
    for (const [name, value] of valuesFrom(pod, from, source, options.warn)) values.set(name, value)
  for (const variable of container.env ?? []) {
    const value =
      variable.value || !variable.valueFrom
        ? expand(variable.value ?? '', (name) => values.get(name) ?? links.get(name))
        : referredValue(pod, container, variable, source, facts, options)
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

function valuesFrom(pod: Pod, from: EnvFromSource, source: ConfigSource, warn?: Warn): readonly (readonly [string, string])[] {
  const reference = from.configMapRef ?? from.secretRef
  if (!reference) return []
  const kind = from.configMapRef ? 'configMap' : 'secret'
  const { namespace = '' } = pod.metadata
  const { name = '' } = reference
  const object = source[kind](namespace, name)
  if (!object) return reference.optional ? [] : refuse(`${kind.toLowerCase()} "${name}" not found`)
  const data = kind === 'secret' ? decoded(object.data) : (object.data ?? {})
  const named = Object.entries(data).map(([key, value]) => [`${from.prefix ?? ''}${key}`, value] as const)
  const invalid = named.filter(([key]) => !isVariableName(key)).map(([key]) => key)
  if (invalid.length > 0)
    warn?.(
      'InvalidEnvironmentVariableNames',
      `Keys [${invalid.sort().join(', ')}] from the EnvFrom ${kind} ${namespace}/${name} were skipped since they are considered invalid environment variable names.`,
    )
  return named.filter(([key]) => isVariableName(key))
}

function referredValue(
  pod: Pod,
  container: Container,
  { name, valueFrom }: EnvVar,
  source: ConfigSource,
  facts: PodFacts,
  { files }: EnvironmentOptions,
): string | undefined {
  const { configMapKeyRef, secretKeyRef, fieldRef, resourceFieldRef, fileKeyRef } = valueFrom!
  const { namespace = '' } = pod.metadata
  if (fieldRef) return podField(pod, fieldRef.fieldPath, facts) ?? refuse(`field label not supported: ${fieldRef.fieldPath}`)
  if (resourceFieldRef)
    try {
      return resourceField(pod, container, resourceFieldRef, facts)
    } catch (error) {
      return refuse((error as Error).message)
    }
  if (fileKeyRef) return fileValue(fileKeyRef, files)
  const selector = configMapKeyRef ?? secretKeyRef
  if (!selector) return refuse(`variable ${name} has a source of an unknown kind`)
  const { name: from = '', key, optional = false } = selector
  const object = configMapKeyRef ? source.configMap(namespace, from) : source.secret(namespace, from)
  const kind = configMapKeyRef ? 'ConfigMap' : 'Secret'
  const data = configMapKeyRef ? object?.data : decoded(object?.data)
  if (data && Object.hasOwn(data, key)) return data[key]
  if (optional) return undefined
  return refuse(object ? `couldn't find key ${key} in ${kind} ${namespace}/${from}` : `${kind.toLowerCase()} "${from}" not found`)
}

type FileKeyRef = NonNullable<NonNullable<EnvVar['valueFrom']>['fileKeyRef']>

/** @see Source: kubelet util/env ParseEnv: what follows `#` is a comment, the first line of the key counts, an empty value is none. */
function fileValue({ volumeName, path, key, optional = false }: FileKeyRef, files?: ReadonlyMap<string, string>): string | undefined {
  const text = files?.get(`${volumeName}/${path}`)
  if (text === undefined) return refuse("couldn't parse env file")
  const lines = text.split(/\r?\n/).map((line) => line.replace(/#.*$/, ''))
  const value = lines.find((line) => line.startsWith(`${key}=`))?.slice(key.length + 1)
  if (value) return value
  return optional ? undefined : refuse(`environment variable key "${key}" not found in file "${path}"`)
}

const decoded = (data: Readonly<Record<string, string>> | undefined): Record<string, string> =>
  Object.fromEntries(Object.entries(data ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64').toString('utf8')]))

/** What a process environment can hold; Kubernetes' relaxed rule. */
const isVariableName = (name: string): boolean => /^[ -<>-~]+$/.test(name)

const refuse = (message: string): never => {
  throw new RuntimeError('CreateContainerConfigError', message)
}
