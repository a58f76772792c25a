import { invalidValue, notSupported, required } from '@bramble/api/field-error'
import type { FieldError } from '@bramble/api/field-error'
import type { Container, EnvFromSource, EnvVar, KeySelector } from '@bramble/api/types/pod'
import { check, configKey, environmentName, qualifiedName } from '../rules.ts'

/** Source: Kubernetes pkg/apis/core/validation ValidateEnv, ValidateEnvFrom. */
export const validateEnvironment = ({ env = [], envFrom = [] }: Container, path: string): readonly FieldError[] => [
  ...env.flatMap((variable, index) => validateVariable(variable, `${path}.env[${index}]`)),
  ...envFrom.flatMap((source, index) => validateSource(source, `${path}.envFrom`, `${path}.envFrom[${index}]`)),
]

const validateVariable = (variable: EnvVar, path: string): readonly FieldError[] => [
  ...(variable.name ? check(`${path}.name`, variable.name, environmentName) : [required(`${path}.name`)]),
  ...validateValueFrom(variable, `${path}.valueFrom`),
]

function validateValueFrom({ value, valueFrom }: EnvVar, path: string): readonly FieldError[] {
  if (valueFrom === undefined) return []
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef } = valueFrom
  const errors: FieldError[] = [
    ...(fieldRef ? validateFieldRef(fieldRef, `${path}.fieldRef`, ENVIRONMENT_FIELDS) : []),
    ...(resourceFieldRef ? validateResourceRef(resourceFieldRef, `${path}.resourceFieldRef`) : []),
    ...(configMapKeyRef ? validateKey(configMapKeyRef, `${path}.configMapKeyRef`) : []),
    ...(secretKeyRef ? validateKey(secretKeyRef, `${path}.secretKeyRef`) : []),
  ]
  const count = Object.keys(valueFrom).length
  if (count === 0)
    errors.push(invalidValue(path, '', 'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`'))
  else if (value) errors.push(invalidValue(path, '', 'may not be specified when `value` is not empty'))
  else if (count > 1) errors.push(invalidValue(path, '', 'may not have more than one field specified at a time'))
  return errors
}

/** What an environment variable may take from its pod. */
const ENVIRONMENT_FIELDS: readonly string[] = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
]
/** What a file of a downwardAPI volume may take. */
export const VOLUME_FIELDS: readonly string[] = [
  'metadata.annotations',
  'metadata.labels',
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
]

const KNOWN_FIELDS: ReadonlySet<string> = new Set([
  ...ENVIRONMENT_FIELDS,
  ...VOLUME_FIELDS,
  'spec.restartPolicy',
  'spec.schedulerName',
  'status.phase',
])

export function validateFieldRef(
  { apiVersion, fieldPath }: { apiVersion?: string; fieldPath?: string },
  path: string,
  allowed: readonly string[],
): readonly FieldError[] {
  if (!apiVersion) return [required(`${path}.apiVersion`)]
  if (!fieldPath) return [required(`${path}.fieldPath`)]
  const fault = (why: string): readonly FieldError[] => [invalidValue(`${path}.fieldPath`, fieldPath, `error converting fieldPath: ${why}`)]
  if (apiVersion !== 'v1') return fault(`unsupported pod version: ${apiVersion}`)

  const subscripted = /^([^[\]]*)\['(.*)'\]$/.exec(fieldPath)
  const field = subscripted?.[1] ?? fieldPath
  if (!KNOWN_FIELDS.has(field)) return fault(`field label not supported: ${fieldPath}`)
  if (subscripted) {
    if (field === 'metadata.annotations') return check(path, subscripted[2]!.toLowerCase(), qualifiedName)
    if (field === 'metadata.labels') return check(path, subscripted[2]!, qualifiedName)
    return [invalidValue(path, field, 'does not support subscript')]
  }
  return allowed.includes(field) ? [] : [notSupported(`${path}.fieldPath`, field, allowed)]
}

const RESOURCES: readonly string[] = [
  'limits.cpu',
  'limits.ephemeral-storage',
  'limits.memory',
  'requests.cpu',
  'requests.ephemeral-storage',
  'requests.memory',
]

export function validateResourceRef({ resource }: { resource?: string }, path: string): readonly FieldError[] {
  if (!resource) return [required(`${path}.resource`)]
  if (RESOURCES.includes(resource) || /^(limits|requests)\.hugepages-/.test(resource)) return []
  return [notSupported(`${path}.resource`, resource, RESOURCES)]
}

const validateKey = ({ name, key }: KeySelector, path: string): readonly FieldError[] => [
  ...(name ? [] : [required(`${path}.name`)]),
  ...(key ? check(`${path}.key`, key, configKey) : [required(`${path}.key`)]),
]

function validateSource({ prefix, configMapRef, secretRef }: EnvFromSource, listPath: string, path: string): readonly FieldError[] {
  const errors: FieldError[] = prefix ? [...check(`${path}.prefix`, prefix, environmentName)] : []
  if (configMapRef && !configMapRef.name) errors.push(required(`${path}.configMapRef.name`))
  if (secretRef && !secretRef.name) errors.push(required(`${path}.secretRef.name`))
  if (!configMapRef && !secretRef) errors.push(invalidValue(listPath, '', 'must specify one of: `configMapRef` or `secretRef`'))
  if (configMapRef && secretRef) errors.push(invalidValue(listPath, '', 'may not have more than one field specified at a time'))
  return errors
}
