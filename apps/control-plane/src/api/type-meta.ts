import { invalidValue } from '@bramble/api/field-error'
import type { JsonObject } from '@bramble/api/object'
import { apiVersionOf } from '@bramble/api/object'
import { badRequest, invalid } from '@bramble/api/status-error'
import type { ResourceDefinition } from './resource.ts'
import { hasDefinition } from './schema/definitions.ts'

type Kind = Pick<ResourceDefinition, 'group' | 'version' | 'kind' | 'custom'>

/**
 * A body of another version or kind is refused, not converted; what it does not say is that of the URL.
 *
 * @throws StatusError 400; 422 for another kind of a custom group.
 * @see Source: apiserver pkg/endpoints/handlers/create.go, and apimachinery's runtime.Scheme, which speaks first.
 */
export function checkTypeMeta(resource: Kind, body: JsonObject): void {
  const expected = apiVersionOf(resource.group, resource.version)
  const apiVersion = textOf(body['apiVersion']) || expected
  const kind = textOf(body['kind']) || resource.kind
  if (apiVersion === expected && kind === resource.kind) return
  if (resource.custom) return checkCustom(resource, kind, apiVersion, expected)
  const [group, version] = apiVersion.includes('/') ? (apiVersion.split('/', 2) as [string, string]) : ['', apiVersion]
  const cannot = (why: string): Error =>
    badRequest(`${kind} in version ${JSON.stringify(version)} cannot be handled as a ${resource.kind}: ${why}`)
  if (!isKnown(group, version, kind))
    throw cannot(
      `no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)} in scheme "pkg/api/legacyscheme/scheme.go:30"`,
    )
  if (kind !== resource.kind || !isSameType(group, resource))
    throw cannot(`converting (${version}.${kind}) to (${packageOf(resource.group)}.${resource.kind}): unknown conversion`)
  throw wrongVersion(apiVersion, expected)
}

function checkCustom({ group, kind: wanted }: Kind, kind: string, apiVersion: string, expected: string): void {
  if (apiVersion !== expected) throw wrongVersion(apiVersion, expected)
  throw invalid(group, wanted, '', [invalidValue('kind', kind, `must be ${wanted}`)])
}

const wrongVersion = (found: string, expected: string): Error =>
  badRequest(`the API version in the data (${found}) does not match the expected API version (${expected})`)

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')

const packageOf = (group: string): string => group.split('.')[0] || 'core'

/** Events are one type in two groups. */
const isSameType = (group: string, { group: wanted, kind }: Kind): boolean => group === wanted || kind === 'Event'

const isKnown = (group: string, version: string, kind: string): boolean =>
  hasDefinition(`io.k8s.api.${packageOf(group)}.${version}.${kind}`) ||
  hasDefinition(`io.k8s.apiextensions-apiserver.pkg.apis.${packageOf(group)}.${version}.${kind}`)
