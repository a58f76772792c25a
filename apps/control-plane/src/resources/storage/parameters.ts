import { forbiddenField, invalidValue, required, tooLong } from '@bramble/api/field-error'
import type { FieldError } from '@bramble/api/field-error'
import { isSame } from '../differences.ts'
import { check, qualifiedName } from '../rules.ts'

const COUNT_MAX = 512
const BYTES_MAX = 256 * 1024

/** What a class tells its driver. Source: Kubernetes pkg/apis/storage/validation validateParameters. */
export function validateParameters(parameters: Readonly<Record<string, string>> = {}, mayBeEmpty: boolean): readonly FieldError[] {
  const entries = Object.entries(parameters)
  if (entries.length > COUNT_MAX) return [tooLong('parameters', COUNT_MAX)]
  const sizeBytes = entries.reduce((sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value), 0)
  return [
    ...(Object.hasOwn(parameters, '') ? [invalidValue('parameters', '', 'field can not be empty.')] : []),
    ...(sizeBytes > BYTES_MAX ? [tooLong('parameters', BYTES_MAX)] : []),
    ...(entries.length > 0 || mayBeEmpty ? [] : [required('parameters', 'must contain at least one key/value pair')]),
  ]
}

/** The name of a provisioner or driver: capitals are allowed. */
export const provisionerName = (path: string, name: string | undefined): readonly FieldError[] =>
  name ? check(path, name, (value) => qualifiedName(value.toLowerCase())) : [required(path)]

/** A field that an update may not change, in the words of the kinds of storage. */
export const unchangeable = (path: string, value: unknown, before: unknown): readonly FieldError[] =>
  isSame(value, before) ? [] : [forbiddenField(path, `updates to ${path} are forbidden.`)]
