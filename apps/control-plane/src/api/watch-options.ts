import { type FieldError, forbiddenField, notSupported } from '@bramble/api/field-error'
import { invalidListOptions } from './list-position.ts'
import type { WatchRequest } from './requests.ts'

/**
 * What sendInitialEvents and resourceVersionMatch may say together.
 *
 * @throws StatusError 422 naming everything that is wrong.
 * @see Source: apimachinery pkg/apis/meta/internalversion/validation, validateWatchOptions.
 */
export function checkWatchOptions({ sendInitialEvents, resourceVersionMatch: match, continue: token }: WatchRequest): void {
  const path = 'resourceVersionMatch'
  const errors: FieldError[] = []
  if (sendInitialEvents !== undefined && match !== 'NotOlderThan')
    errors.push(forbiddenField(path, 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan'))
  if (match) {
    if (sendInitialEvents === undefined)
      errors.push(forbiddenField(path, 'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided'))
    if (match !== 'NotOlderThan') errors.push(notSupported(path, match, ['NotOlderThan']))
    if (token) errors.push(forbiddenField(path, 'resourceVersionMatch is forbidden when continue is provided'))
  }
  if (errors.length > 0) throw invalidListOptions(errors)
}
