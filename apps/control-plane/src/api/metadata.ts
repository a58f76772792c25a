import { duplicate, type FieldError, forbiddenField, invalidValue, required, tooLong } from '@bramble/api/field-error'
import { LABEL_KEY_RULE, LABEL_VALUE_RULE } from '@bramble/api/labels'
import type { KubeObject, ObjectMeta, OwnerReference } from '@bramble/api/object'
import { nameProblems, nameRuleOf } from './names.ts'
import type { ResourceDefinition } from './resource.ts'

const ANNOTATIONS_BYTES_MAX = 256 * 1024

/**
 * What is wrong with an object's metadata, whatever its kind.
 * @see Source: apimachinery pkg/api/validation/objectmeta.go.
 */
export function validateMetadata(
  resource: ResourceDefinition,
  { metadata }: KubeObject,
  previous: KubeObject | undefined,
): readonly FieldError[] {
  return [
    ...(previous ? [] : validateName(resource, metadata)),
    ...validateLabels(metadata.labels, 'metadata.labels'),
    ...validateAnnotations(metadata.annotations),
    ...validateOwners(metadata.ownerReferences ?? []),
    ...validateFinalizers(metadata.finalizers ?? [], metadata, previous),
  ]
}

function validateName(resource: ResourceDefinition, { name, generateName, namespace }: ObjectMeta): FieldError[] {
  const rule = nameRuleOf(resource)
  const errors: FieldError[] = []
  if (generateName) {
    const base = rule === 'path' ? generateName : generateName.replace(/-+$/, '-a')
    errors.push(...nameProblems(rule, base).map((problem) => invalidValue('metadata.generateName', generateName, problem)))
  }
  if (!name) errors.push(required('metadata.name', 'name or generateName is required'))
  else errors.push(...nameProblems(rule, name).map((problem) => invalidValue('metadata.name', name, problem)))
  if (namespace) errors.push(...nameProblems('label', namespace).map((problem) => invalidValue('metadata.namespace', namespace, problem)))
  return errors
}

export function validateLabels(labels: Readonly<Record<string, string>> | undefined, path: string): FieldError[] {
  return Object.entries(labels ?? {}).flatMap(([key, value]) => [
    ...qualifiedNameProblems(key).map((problem) => invalidValue(path, key, problem)),
    ...labelValueProblems(value).map((problem) => invalidValue(path, value, problem)),
  ])
}

function validateAnnotations(annotations: Readonly<Record<string, string>> = {}): FieldError[] {
  const errors = Object.keys(annotations).flatMap((key) =>
    qualifiedNameProblems(key.toLowerCase()).map((problem) => invalidValue('metadata.annotations', key, problem)),
  )
  let sizeBytes = 0
  for (const [key, value] of Object.entries(annotations)) sizeBytes += Buffer.byteLength(key) + Buffer.byteLength(value)
  if (sizeBytes > ANNOTATIONS_BYTES_MAX) errors.push(tooLong('metadata.annotations', ANNOTATIONS_BYTES_MAX))
  return errors
}

function validateOwners(owners: readonly OwnerReference[]): FieldError[] {
  const errors = owners.flatMap((owner, index) => {
    const path = `metadata.ownerReferences[${index}]`
    return [
      ...(owner.apiVersion ? [] : [invalidValue(`${path}.apiVersion`, owner.apiVersion ?? '', 'version must not be empty')]),
      ...(['kind', 'name', 'uid'] as const)
        .filter((field) => !owner[field])
        .map((field) => invalidValue(`${path}.${field}`, '', 'must not be empty')),
      ...(owner.apiVersion === 'v1' && owner.kind === 'Event'
        ? [invalidValue(path, 'Event', 'Event is disallowed from being an owner')]
        : []),
    ]
  })
  const controllers = owners.filter((owner) => owner.controller === true)
  if (controllers.length > 1) {
    const names = controllers.map((owner) => owner.name)
    errors.push(
      invalidValue(
        'metadata.ownerReferences',
        owners,
        `Only one reference can have Controller set to true. Found "true" in references for ${names[0]} and ${names[1]}`,
      ),
    )
  }
  return errors
}

function validateFinalizers(finalizers: readonly string[], metadata: ObjectMeta, previous: KubeObject | undefined): FieldError[] {
  const path = 'metadata.finalizers'
  const errors = finalizers.flatMap((finalizer, index) => [
    ...qualifiedNameProblems(finalizer).map((problem) => invalidValue(path, finalizer, problem)),
    ...(finalizers.indexOf(finalizer) < index ? [duplicate(`${path}[${index}]`, finalizer)] : []),
  ])
  if (finalizers.includes('orphan') && finalizers.includes('foregroundDeletion'))
    errors.push(invalidValue(path, finalizers, 'finalizer orphan and foregroundDeletion cannot be both set'))
  if (metadata.deletionTimestamp && previous) {
    const added = finalizers.filter((finalizer) => !previous.metadata.finalizers?.includes(finalizer))
    if (added.length > 0)
      errors.push(
        forbiddenField(
          path,
          `no new finalizers can be added if the object is being deleted, found new finalizers ${JSON.stringify(added)}`,
        ),
      )
  }
  return errors
}

/** Source: apimachinery pkg/util/validation IsQualifiedName. */
export function qualifiedNameProblems(key: string): string[] {
  const parts = key.split('/')
  if (parts.length > 2)
    return [
      `a qualified name ${LABEL_KEY_RULE.slice('name part '.length)} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ]
  const [name, prefix] = parts.length === 2 ? [parts[1]!, parts[0]!] : [parts[0]!, undefined]
  const problems: string[] = []
  if (prefix === '') problems.push('prefix part must be non-empty')
  else if (prefix !== undefined) problems.push(...nameProblems('subdomain', prefix).map((problem) => `prefix part ${problem}`))
  if (name === '') problems.push('name part must be non-empty')
  else if (name.length > PART_LENGTH_MAX) problems.push(`name part must be no more than ${PART_LENGTH_MAX} bytes`)
  if (!NAME_PART.test(name)) problems.push(LABEL_KEY_RULE)
  return problems
}

/** Source: apimachinery pkg/util/validation IsValidLabelValue. */
function labelValueProblems(value: string): string[] {
  const problems: string[] = []
  if (value.length > PART_LENGTH_MAX) problems.push(`must be no more than ${PART_LENGTH_MAX} bytes`)
  if (value !== '' && !NAME_PART.test(value)) problems.push(LABEL_VALUE_RULE)
  return problems
}

const PART_LENGTH_MAX = 63
const NAME_PART = /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/
