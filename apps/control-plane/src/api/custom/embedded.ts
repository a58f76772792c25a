import { type FieldError, invalidValue, required } from '@bramble/api/field-error'
import type { JsonObject } from '@bramble/api/object'
import { validateLabels } from '../metadata.ts'
import { nameProblems } from '../names.ts'
import { isObject } from '../schema/check.ts'

/**
 * What every object has, in one that is part of another.
 * @see Source: apiextensions-apiserver pkg/apiserver/schema/objectmeta/validation.go.
 */
export function checkEmbedded(value: JsonObject, path: string): readonly FieldError[] {
  const prefix = path === '' ? '' : `${path}.`
  return [
    ...checkWord(value, 'apiVersion', prefix, (text) => (text.split('/').length > 2 ? [`unexpected GroupVersion string: ${text}`] : [])),
    ...checkWord(value, 'kind', prefix, (text) =>
      nameProblems('label1035', text.toLowerCase()).map((problem) => `may have mixed case, but should otherwise match: ${problem}`),
    ),
    ...checkMetadata(value['metadata'], `${prefix}metadata`),
  ]
}

function checkWord(value: JsonObject, name: string, prefix: string, rule: (text: string) => readonly string[]): readonly FieldError[] {
  const text = value[name]
  const at = `${prefix}${name}`
  if (text === undefined) return [required(at, 'must not be empty')]
  if (typeof text !== 'string') return [] // the schema's word
  if (text === '') return [invalidValue(at, text, 'must not be empty')]
  return rule(text).map((problem) => invalidValue(at, text, problem))
}

function checkMetadata(metadata: JsonObject[string], path: string): readonly FieldError[] {
  if (metadata === undefined) return []
  if (!isObject(metadata)) return [invalidValue(path, metadata, 'must be an object')]
  const { name, generateName, labels } = metadata
  return [
    ...(typeof name === 'string' && name !== ''
      ? nameProblems('subdomain', name).map((problem) => invalidValue(`${path}.name`, name, problem))
      : []),
    ...(typeof generateName === 'string' && generateName !== ''
      ? nameProblems('subdomain', generateName.replace(/-+$/, '-a')).map((problem) =>
          invalidValue(`${path}.generateName`, generateName, problem),
        )
      : []),
    ...(isObject(labels) && Object.values(labels).every((label) => typeof label === 'string')
      ? validateLabels(labels as Record<string, string>, `${path}.labels`)
      : []),
  ]
}
