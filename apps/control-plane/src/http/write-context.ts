import { type FieldError, forbiddenField, invalidValue, notSupported, required } from '@bramble/api/field-error'
import { invalid } from '@bramble/api/status-error'
import type { PatchType, UserInfo, WriteContext } from '../api/requests.ts'
import { isTrue } from './request-info.ts'

/** Source: meta/v1; errors about query parameters name these kinds. */
export type OptionsKind = 'CreateOptions' | 'UpdateOptions' | 'PatchOptions' | 'DeleteOptions'

export interface WriteOptions {
  readonly options: OptionsKind
  readonly user: UserInfo
  readonly userAgent: string | undefined
  readonly warn: (message: string) => void
  readonly patchType?: PatchType
  /** Of a DeleteOptions body; counts like the query parameter. */
  readonly dryRun?: readonly string[]
}

const FIELD_MANAGER_CHARACTERS_MAX = 128
const FIELD_VALIDATIONS = ['Ignore', 'Strict', 'Warn'] as const

/**
 * What a write brings along besides its body, from its query parameters.
 *
 * @throws StatusError 422 naming every parameter that is wrong.
 * @see Source: k8s.io/apimachinery pkg/apis/meta/v1/validation.
 */
export function writeContext(query: URLSearchParams, { options, user, userAgent, warn, patchType, ...more }: WriteOptions): WriteContext {
  const dryRun = [...query.getAll('dryRun'), ...(more.dryRun ?? [])]
  const fieldValidation = query.get('fieldValidation') || 'Warn'
  const fieldManager = query.get('fieldManager') ?? ''
  const force = query.has('force') ? isTrue(query.get('force')) : undefined

  const errors: FieldError[] = []
  for (const value of dryRun) if (value !== 'All') errors.push(notSupported('dryRun', value, ['All']))
  if (!isFieldValidation(fieldValidation)) errors.push(notSupported('fieldValidation', fieldValidation, ['', ...FIELD_VALIDATIONS]))
  if (patchType === 'apply' && fieldManager === '') errors.push(required('fieldManager', 'is required for apply patch'))
  if (patchType !== undefined && patchType !== 'apply' && force !== undefined)
    errors.push(forbiddenField('force', 'may not be specified for non-apply patch'))
  errors.push(...fieldManagerErrors(fieldManager))
  if (errors.length > 0 || !isFieldValidation(fieldValidation)) throw invalid('meta.k8s.io', options, '', errors)

  return {
    user,
    dryRun: dryRun.length > 0,
    fieldManager: fieldManager || program(userAgent),
    fieldValidation,
    warn,
    ...(patchType === 'apply' && { force: force ?? false }),
  }
}

const isFieldValidation = (value: string): value is WriteContext['fieldValidation'] =>
  (FIELD_VALIDATIONS as readonly string[]).includes(value)

function fieldManagerErrors(fieldManager: string): readonly FieldError[] {
  if (fieldManager.length > FIELD_MANAGER_CHARACTERS_MAX)
    return [
      { type: 'FieldValueTooLong', path: 'fieldManager', message: `Too long: may not be more than ${FIELD_MANAGER_CHARACTERS_MAX} bytes` },
    ]
  if (/[\p{C}]/u.test(fieldManager)) return [invalidValue('fieldManager', fieldManager, 'should only contain printable characters')]
  return []
}

/** The program part of a User-Agent: `kubectl` of `kubectl/v1.33.1 (linux/amd64)`. */
const program = (userAgent: string | undefined): string =>
  (userAgent ?? '').split('/')[0]!.slice(0, FIELD_MANAGER_CHARACTERS_MAX) || 'unknown'
