import type { JsonValue } from '@bramble/api/object'
import { badRequest, StatusError } from '@bramble/api/status-error'
import { applyPatch, type Operation, Pointer } from 'rfc6902'
import { cleanCopy } from '../clean-copy.ts'

/** Source: apiserver pkg/endpoints/handlers/patch.go maxJSONPatchOperations. */
const OPERATIONS_MAX = 10_000
/** Copies of copies grow without bound; together they may add this much. */
const COPIED_CHARACTERS_MAX = 3 * 1024 * 1024

/**
 * The target after all operations, or none of them.
 *
 * @throws StatusError 400 when the patch is none, 413 when it is too large, 422 when an operation does not apply.
 * @see RFC 6902
 */
export function jsonPatch(target: JsonValue, patch: JsonValue): JsonValue {
  if (!Array.isArray(patch) || !patch.every(isOperation))
    throw badRequest('error decoding patch: a JSON patch is a list of operations, each with op and path')
  if (patch.length > OPERATIONS_MAX)
    throw new StatusError(
      413,
      'RequestEntityTooLarge',
      `Request entity is too large: The allowed maximum operations in a JSON patch is ${OPERATIONS_MAX}, got ${patch.length}`,
    )
  const root = { document: cleanCopy(target) }
  let copiedCharacters = 0
  for (const operation of patch as readonly Operation[]) {
    if (operation.op === 'copy') copiedCharacters += sizeOf(root, operation.from)
    if (copiedCharacters > COPIED_CHARACTERS_MAX)
      throw new StatusError(413, 'RequestEntityTooLarge', 'Request entity is too large: the copies that the JSON patch makes are too large')
    apply(root, operation)
  }
  return root.document
}

function apply(root: object, operation: Operation): void {
  let failure: Error | null | undefined
  try {
    ;[failure] = applyPatch(root, [rooted(operation)])
  } catch (error) {
    throw rejected(error)
  }
  if (failure) throw rejected(failure)
}

/** The document as a member of something, so that the operations may name it whole: `""`. */
function rooted(operation: Operation): Operation {
  const from = 'from' in operation ? { from: `/document${operation.from}` } : {}
  return { ...operation, ...from, path: `/document${operation.path}` }
}

const sizeOf = (root: object, pointer: string): number =>
  (JSON.stringify(Pointer.fromJSON(`/document${pointer}`).get(root)) as string | undefined)?.length ?? 0

/** Source: apiserver applyJSPatch: what exactly failed is not told. */
const rejected = (cause: unknown): StatusError =>
  new StatusError(422, 'Invalid', 'the server rejected our request due to an error in our request', {}, { cause })

const OPERATIONS: ReadonlySet<unknown> = new Set(['add', 'remove', 'replace', 'move', 'copy', 'test'])

function isOperation(value: unknown): value is Operation {
  if (typeof value !== 'object' || value === null) return false
  const { op, path, from } = value as Record<string, unknown>
  return (
    OPERATIONS.has(op) &&
    isPointer(path) &&
    (from === undefined || isPointer(from)) &&
    ((op !== 'copy' && op !== 'move') || from !== undefined)
  )
}

const isPointer = (value: unknown): value is string =>
  typeof value === 'string' && (value === '' || value.startsWith('/')) && !value.split('/').includes('__proto__')
