import type { JsonObject, JsonValue, KubeObject } from '@bramble/api/object'
import { invalidValue } from '@bramble/api/field-error'
import { badRequest, invalid, StatusError } from '@bramble/api/status-error'
import { readObject } from '../decode.ts'
import type { PatchType, WriteContext } from '../requests.ts'
import type { ResourceDefinition } from '../resource.ts'
import { isObject, TypeMismatch } from '../schema/check.ts'
import { jsonPatch } from './json-patch.ts'
import { mergePatch } from './merge-patch.ts'
import { strategicMerge } from './strategic-merge.ts'

/**
 * The object after a patch, decoded: a copy that may be changed.
 *
 * @throws StatusError 400 when the patch is wrong in itself, 415 for a type that is not served, 422 when the result is no such object.
 */
export function applyPatchTo(
  resource: Pick<ResourceDefinition, 'group' | 'version' | 'kind' | 'schema' | 'custom'>,
  object: KubeObject,
  type: PatchType,
  patch: JsonValue,
  context: WriteContext,
): KubeObject {
  if (type === 'strategic' && resource.custom) throw unsupportedPatch(['json-patch+json', 'merge-patch+json', 'apply-patch+yaml'])
  const patched = patchedValue(object as unknown as JsonObject, type, patch, resource)
  const refused = (why: string): StatusError => invalid('', '', '', [invalidValue('patch', JSON.stringify(patch), why)])
  if (!isObject(patched)) throw refused('the result is no object')
  if (patched['kind'] !== object.kind || patched['apiVersion'] !== object.apiVersion)
    throw badRequest(`a patch may not change apiVersion and kind (${String(object.apiVersion)} ${String(object.kind)})`)
  try {
    const { value, strict } = readObject(resource, patched, context.duplicateFields ?? [])
    if (strict.length > 0 && context.fieldValidation === 'Strict') throw refused(`strict decoding error: ${strict.join(', ')}`)
    if (context.fieldValidation === 'Warn') for (const warning of strict) context.warn(warning)
    return value
  } catch (error) {
    throw error instanceof TypeMismatch ? refused(error.message) : error
  }
}

function patchedValue(object: JsonObject, type: PatchType, patch: JsonValue, { schema }: Pick<ResourceDefinition, 'schema'>): JsonValue {
  switch (type) {
    case 'json':
      return jsonPatch(object, patch)
    case 'merge':
      if (!isObject(patch)) throw badRequest('error decoding patch: a merge patch is an object')
      return mergePatch(object, patch)
    case 'strategic':
      return strategicMerge(object, patch, schema)
    case 'apply':
      throw unsupportedPatch(['json-patch+json', 'merge-patch+json', 'strategic-merge-patch+json'])
  }
}

/** Clients fall back to other patches. Source: apiserver pkg/endpoints/handlers/negotiation NewUnsupportedMediaTypeError. */
const unsupportedPatch = (accepted: readonly string[]): StatusError =>
  new StatusError(
    415,
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${accepted.map((type) => `application/${type}`).join(', ')}`,
    {},
  )
