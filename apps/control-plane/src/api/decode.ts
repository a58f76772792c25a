import type { JsonObject, JsonValue, KubeObject } from '@bramble/api/object'
import { apiVersionOf } from '@bramble/api/object'
import { badRequest } from '@bramble/api/status-error'
import type { WriteContext } from './requests.ts'
import type { ResourceDefinition } from './resource.ts'
import { checkObject, isObject, TypeMismatch } from './schema/check.ts'
import { resolve } from './schema/definitions.ts'
import { goKind } from './schema/go-types.ts'
import { sourceOf } from './schema/source-text.ts'
import { topLevel } from './top-level.ts'
import { checkTypeMeta } from './type-meta.ts'

type Kind = Pick<ResourceDefinition, 'group' | 'version' | 'kind' | 'schema' | 'custom'>

/**
 * The body of a write as an object of its kind, a copy that may be changed. A missing apiVersion and kind are those of the
 * URL. Unknown and repeated fields refuse the write (Strict), warn, or are dropped in silence.
 *
 * @throws StatusError 400
 */
export function decodeObject(
  resource: Kind,
  body: JsonValue,
  context: Pick<WriteContext, 'fieldValidation' | 'duplicateFields' | 'warn'>,
): KubeObject {
  const { kind, version } = resource
  if (!isObject(body)) throw badRequest(`the object provided is unrecognized (must be of type ${kind}): ${goKind(body)} is no object`)
  checkTypeMeta(resource, body)
  const cannot = (why: string): Error => badRequest(`${kind} in version ${JSON.stringify(version)} cannot be handled as a ${kind}: ${why}`)
  try {
    const { value, strict } = readObject(resource, body, context.duplicateFields ?? [])
    if (strict.length > 0 && context.fieldValidation === 'Strict') throw cannot(`strict decoding error: ${strict.join(', ')}`)
    if (context.fieldValidation === 'Warn') for (const problem of strict) for (const warning of warningsOf(problem)) context.warn(warning)
    return value
  } catch (error) {
    throw error instanceof TypeMismatch ? cannot(error.message) : error
  }
}

/**
 * @param duplicates Paths of repeated fields. Where the body's own text is known, its order counts instead.
 * @throws TypeMismatch
 */
export function readObject(
  resource: Kind,
  body: JsonObject,
  duplicates: readonly string[],
): { value: KubeObject; strict: readonly string[] } {
  const { value, unknown, strict: inOrder } = resource.custom?.read(body) ?? checkObject(topLevel(resource.schema), body, resource.kind)
  const problems = sourceOf(body)?.problems
  const isTextKnown = problems !== undefined && (problems.length > 0 || inOrder !== undefined)
  const strict = new Set([
    ...(isTextKnown ? problems : duplicates.map((path) => `duplicate field ${JSON.stringify(path)}`)),
    ...(inOrder ?? unknown.map((path) => `unknown field ${JSON.stringify(path)}`)),
  ])
  // What Go decodes into always has a spec, if empty: validation can look into it.
  const schema = resolve(resource.schema)
  const hasSpec =
    !resource.custom &&
    schema.type === 'object' &&
    schema.properties['spec'] !== undefined &&
    resolve(schema.properties['spec']).type === 'object'
  const object = {
    apiVersion: apiVersionOf(resource.group, resource.version),
    kind: resource.kind,
    metadata: {},
    ...(hasSpec && { spec: {} }),
    ...value,
  }
  return {
    value: { ...object, apiVersion: apiVersionOf(resource.group, resource.version), kind: resource.kind } as unknown as KubeObject,
    strict: [...strict],
  }
}

/** Each repeated key of a YAML text is a warning of its own. Source: apiserver handlers/rest.go parseYAMLWarnings. */
function warningsOf(problem: string): readonly string[] {
  const [, lines] = problem.split('yaml: unmarshal errors:\n')
  return lines === undefined ? [problem] : lines.split('\n').map((line) => line.trim())
}
