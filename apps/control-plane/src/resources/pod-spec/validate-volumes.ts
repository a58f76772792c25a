import { duplicate, forbiddenField, invalidValue, required } from '@bramble/api/field-error'
import type { FieldError } from '@bramble/api/field-error'
import { quantityValue } from '@bramble/api/quantity'
import type { KeyToPath, PodSpec, Volume } from '@bramble/api/types/pod'
import { check, descendingPath, dnsLabel, oneOf, withoutBacksteps } from '../rules.ts'
import type { ProjectedSource } from './pod-spec-rest.ts'
import { validateFieldRef, validateResourceRef, VOLUME_FIELDS } from './validate-environment.ts'

/** Source: Kubernetes pkg/apis/core/validation ValidateVolumes. */
export const validateVolumes = ({ volumes = [] }: PodSpec, path: string): readonly FieldError[] =>
  volumes.flatMap((volume, index) => {
    const at = `${path}[${index}]`
    const isRepeated = volumes.findIndex(({ name }) => name === volume.name) < index
    return [
      ...validateSources(volume, at),
      ...(volume.name ? check(`${at}.name`, volume.name, dnsLabel) : [required(`${at}.name`)]),
      ...(isRepeated ? [duplicate(`${at}.name`, volume.name ?? '')] : []),
    ]
  })

function validateSources(volume: Volume, path: string): readonly FieldError[] {
  const { name: _, ...sources } = volume
  const [first, ...more] = Object.keys(sources)
  if (first === undefined) return [required(path, 'must specify a volume type')]
  return [
    ...validateSource(volume, first, `${path}.${first}`),
    ...more.map((type) => forbiddenField(`${path}.${type}`, 'may not specify more than 1 volume type')),
  ]
}

function validateSource(volume: Volume, type: string, path: string): readonly FieldError[] {
  switch (type) {
    case 'emptyDir':
      return (quantityValue(volume.emptyDir?.sizeLimit ?? 0) ?? -1) < 0
        ? [forbiddenField(`${path}.sizeLimit`, 'SizeLimit field must be a valid resource quantity')]
        : []
    case 'hostPath':
      return validateHostPath(volume.hostPath!, path)
    case 'configMap':
      return [...named(volume.configMap!.name, `${path}.name`), ...validateFiles(volume.configMap!, path)]
    case 'secret':
      return [...named(volume.secret!.secretName, `${path}.secretName`), ...validateFiles(volume.secret!, path)]
    case 'persistentVolumeClaim':
      return named(volume.persistentVolumeClaim!.claimName, `${path}.claimName`)
    case 'downwardAPI':
      return validateDownward(volume.downwardAPI as ProjectedSource, path)
    case 'projected':
      return validateProjected(volume.projected as ProjectedSource, path)
    default:
      return [] // the schema knows its shape; whether a node can mount it is the node's to say
  }
}

const named = (name: string | undefined, path: string): readonly FieldError[] => (name ? [] : [required(path)])

const HOST_PATH_TYPES = ['BlockDevice', 'CharDevice', 'Directory', 'DirectoryOrCreate', 'File', 'FileOrCreate', 'Socket']

const validateHostPath = ({ path: hostPath, type }: NonNullable<Volume['hostPath']>, path: string): readonly FieldError[] => [
  ...(hostPath ? check(`${path}.path`, hostPath, withoutBacksteps) : [required(`${path}.path`)]),
  ...(type ? oneOf(`${path}.type`, type, HOST_PATH_TYPES) : []),
]

function validateFiles(
  { items = [], defaultMode }: { items?: readonly KeyToPath[]; defaultMode?: number },
  path: string,
): readonly FieldError[] {
  return [
    ...validateMode(defaultMode, `${path}.defaultMode`),
    ...items.flatMap(({ key, path: file, mode }, index) => {
      const at = `${path}.items[${index}]`
      return [...named(key, `${at}.key`), ...validateFilePath(file, `${at}.path`), ...validateMode(mode, `${at}.mode`)]
    }),
  ]
}

const validateFilePath = (file: string | undefined, path: string): readonly FieldError[] => {
  if (!file) return [required(path)]
  const errors = check(path, file, descendingPath)
  return errors.length === 0 && file.startsWith('..') ? [invalidValue(path, file, "must not start with '..'")] : errors
}

const MODE_MAX = 0o777
const validateMode = (mode: number | undefined, path: string): readonly FieldError[] =>
  mode === undefined || (mode >= 0 && mode <= MODE_MAX)
    ? []
    : [invalidValue(path, mode, 'must be a number between 0 and 0777 (octal), both inclusive')]

function validateDownward({ items = [], defaultMode }: ProjectedSource, path: string): readonly FieldError[] {
  return [
    ...validateMode(defaultMode, `${path}.defaultMode`),
    ...items.flatMap(({ path: file, fieldRef, resourceFieldRef, mode }, index) => {
      const at = `${path}.items[${index}]`
      const errors: FieldError[] = [...validateFilePath(file, `${at}.path`), ...validateMode(mode, `${at}.mode`)]
      if (fieldRef && resourceFieldRef)
        errors.push(invalidValue(at, 'resource', 'fieldRef and resourceFieldRef can not be specified simultaneously'))
      else if (fieldRef) errors.push(...validateFieldRef(fieldRef, `${at}.fieldRef`, VOLUME_FIELDS))
      else if (!resourceFieldRef) errors.push(required(at, 'one of fieldRef and resourceFieldRef is required'))
      if (resourceFieldRef && !resourceFieldRef.containerName) errors.push(required(`${at}.resourceFieldRef.containerName`))
      if (resourceFieldRef) errors.push(...validateResourceRef(resourceFieldRef, `${at}.resourceFieldRef`))
      return errors
    }),
  ]
}

const TOKEN_SECONDS_MIN = 600
const TOKEN_SECONDS_MAX = 2 ** 32

function validateProjected({ sources = [], defaultMode }: ProjectedSource, path: string): readonly FieldError[] {
  return [
    ...validateMode(defaultMode, `${path}.defaultMode`),
    ...sources.flatMap((source, index) => {
      const at = `${path}.sources[${index}]`
      const [first, ...more] = Object.keys(source)
      if (first === undefined) return [required(at, 'must specify a source type')]
      const token = source.serviceAccountToken
      const errors: FieldError[] = more.map((type) => forbiddenField(`${at}.${type}`, 'may not specify more than 1 volume type per source'))
      if (source.secret) errors.push(...named(source.secret.name, `${at}.secret.name`))
      if (source.configMap) errors.push(...named(source.configMap.name, `${at}.configMap.name`))
      if (source.downwardAPI) errors.push(...validateDownward(source.downwardAPI, `${at}.downwardAPI`))
      if (token)
        errors.push(
          ...named(token.path, `${at}.serviceAccountToken.path`),
          ...validateTokenLife(token.expirationSeconds ?? 0, `${at}.serviceAccountToken.expirationSeconds`),
        )
      return errors
    }),
  ]
}

function validateTokenLife(seconds: number, path: string): readonly FieldError[] {
  if (seconds < TOKEN_SECONDS_MIN) return [invalidValue(path, seconds, 'may not specify a duration less than 10 minutes')]
  return seconds > TOKEN_SECONDS_MAX ? [invalidValue(path, seconds, 'may not specify a duration larger than 2^32 seconds')] : []
}
