/** Why a field was refused. Source: apimachinery pkg/util/validation/field ErrorType. */
export type FieldErrorType =
  | 'FieldValueRequired'
  | 'FieldValueInvalid'
  | 'FieldValueDuplicate'
  | 'FieldValueNotFound'
  | 'FieldValueNotSupported'
  | 'FieldValueForbidden'
  | 'FieldValueTooLong'
  | 'FieldValueTooMany'
  | 'FieldValueTypeInvalid'

/** One refused field. `path` as Kubernetes prints it: `spec.containers[0].name`, `metadata.labels`. */
export interface FieldError {
  readonly type: FieldErrorType
  readonly path: string
  /** Without the path, e.g. `Invalid value: "x": must be no more than 63 characters`. */
  readonly message: string
}

// Wording. Source: apimachinery pkg/util/validation/field errors.go, Error.ErrorBody.
export const required = (path: string, detail = ''): FieldError => ({
  type: 'FieldValueRequired',
  path,
  message: detail ? `Required value: ${detail}` : 'Required value',
})
export const invalidValue = (path: string, value: unknown, detail: string): FieldError => ({
  type: 'FieldValueInvalid',
  path,
  message: `Invalid value: ${show(value)}: ${detail}`,
})
/** Without showing the value. Source: apimachinery field.OmitValueType. */
export const invalidWhole = (path: string, detail: string): FieldError => ({
  type: 'FieldValueInvalid',
  path,
  message: `Invalid value: ${detail}`,
})
export const duplicate = (path: string, value: unknown): FieldError => ({
  type: 'FieldValueDuplicate',
  path,
  message: `Duplicate value: ${show(value)}`,
})
export const forbiddenField = (path: string, detail: string): FieldError => ({
  type: 'FieldValueForbidden',
  path,
  message: `Forbidden: ${detail}`,
})
export const notSupported = (path: string, value: unknown, supported: readonly string[]): FieldError =>
  notListed(path, value, [...supported].sort())
/** As `notSupported`, with the values in the order given. */
export const notListed = (path: string, value: unknown, supported: readonly string[]): FieldError => ({
  type: 'FieldValueNotSupported',
  path,
  message: `Unsupported value: ${show(value)}: supported values: ${supported.map((one) => JSON.stringify(one)).join(', ')}`,
})
export const notFoundField = (path: string, value: unknown): FieldError => ({
  type: 'FieldValueNotFound',
  path,
  message: `Not found: ${show(value)}`,
})
export const tooLong = (path: string, lengthMax: number): FieldError => ({
  type: 'FieldValueTooLong',
  path,
  message: `Too long: may not be more than ${lengthMax} bytes`,
})

export const tooMany = (path: string, count: number, countMax: number): FieldError => ({
  type: 'FieldValueTooMany',
  path,
  message: `Too many: ${count}: must have at most ${countMax} ${countMax === 1 ? 'item' : 'items'}`,
})
export const typeInvalid = (path: string, value: unknown, detail: string): FieldError => ({
  ...invalidValue(path, value, detail),
  type: 'FieldValueTypeInvalid',
})

const show = (value: unknown): string => {
  if (value === undefined) return 'null'
  return typeof value === 'string' || typeof value === 'object' ? JSON.stringify(value) : String(value)
}
