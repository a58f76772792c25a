import type { JsonObject, JsonValue, KubeObject } from '@bramble/api/object'
import { invalidValue } from '@bramble/api/field-error'
import { badRequest, invalid, StatusError } from '@bramble/api/status-error'
import { readObject } from '../decode.ts'
import { canonicalJson } from '../managed-fields/path-element.ts'
import { goPrint, shortened } from '../managed-fields/typed-errors.ts'
import type { PatchType, WriteContext } from '../requests.ts'
import type { ResourceDefinition } from '../resource.ts'
import { isObject, TypeMismatch } from '../schema/check.ts'
import { checkBounds } from './bounds.ts'
import { jsonPatch } from './json-patch.ts'
import { mergePatch } from './merge-patch.ts'
import { restoreError } from './restore-error.ts'
import { strategicMerge } from './strategic-merge.ts'

type Kind = Pick<ResourceDefinition, 'group' | 'version' | 'kind' | 'schema' | 'custom'>

/**
 * The object after a patch, decoded: a copy that may be changed.
 *
 * @throws StatusError 400 when the patch is wrong in itself, 415 for a type that the kind does not take, 422 when the result is no such object.
 * @see Source: apiserver pkg/endpoints/handlers/patch.go.
 */
export function applyPatchTo(
  resource: Kind,
  object: KubeObject,
  type: Exclude<PatchType, 'apply'>,
  patch: JsonValue,
  context: WriteContext,
): KubeObject {
  checkBounds(patch)
  const patched = patchedValue(object as unknown as JsonObject, type, patch, resource)
  const refused = (why: string): StatusError =>
    invalid('', '', '', [invalidValue('patch', type === 'strategic' ? goPrint(patch) : shortened(canonicalJson(patched)), why)])
  if (!isObject(patched)) throw refused('the result is no object')
  if (patched['kind'] !== object.kind || patched['apiVersion'] !== object.apiVersion)
    throw badRequest(`a patch may not change apiVersion and kind (${String(object.apiVersion)} ${String(object.kind)})`)
  try {
    const { value, strict } = readObject(resource, patched, context.duplicateFields ?? [])
    if (strict.length > 0 && context.fieldValidation === 'Strict') throw refused(`strict decoding error: ${strict.join(', ')}`)
    if (context.fieldValidation === 'Warn') for (const warning of strict) context.warn(warning)
    return value
  } catch (error) {
    if (!(error instanceof TypeMismatch)) throw error
    throw refused((type === 'strategic' && restoreError(resource.schema, patched)) || error.message)
  }
}

/** Whether a patch may look at or change `metadata.managedFields`. */
export function namesManagedFields(type: PatchType, patch: JsonValue): boolean {
  if (type !== 'json') return isObject(patch) && isObject(patch['metadata']) && patch['metadata']['managedFields'] !== undefined
  if (!Array.isArray(patch)) return false
  return (patch as readonly JsonValue[]).some(
    (operation) => isObject(operation) && [operation['path'], operation['from']].some((pointer) => isAround(pointer)),
  )
}

const isAround = (pointer: JsonValue | undefined): boolean =>
  typeof pointer === 'string' && (pointer === '' || pointer === '/metadata' || pointer.startsWith('/metadata/managedFields'))

function patchedValue(object: JsonObject, type: Exclude<PatchType, 'apply'>, patch: JsonValue, { schema, custom }: Kind): JsonValue {
  switch (type) {
    case 'json':
      return jsonPatch(object, patch)
    case 'merge':
      if (!isObject(patch)) throw badRequest('error decoding patch: a merge patch is an object')
      return mergePatch(object, patch)
    case 'strategic':
      if (custom) throw unsupportedPatch()
      return strategicMerge(object, patch, schema)
  }
}

/** Source: apiserver pkg/endpoints/handlers/negotiation NewUnsupportedMediaTypeError. */
const unsupportedPatch = (): StatusError =>
  new StatusError(
    415,
    'UnsupportedMediaType',
    'the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml',
    {},
  )
