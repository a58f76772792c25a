import { notSupported } from '@bramble/api/field-error'
import { parseFieldSelector } from '@bramble/api/fields'
import { parseLabelSelector } from '@bramble/api/labels'
import type { JsonObject } from '@bramble/api/object'
import { badRequest, invalid } from '@bramble/api/status-error'
import type { DeleteRequest, ListRequest, WatchRequest } from '../api/requests.ts'
import { isTrue } from './request-info.ts'

/** @throws StatusError 400 for selectors and numbers that do not parse. */
export function listRequest(query: URLSearchParams, namespace: string | undefined): ListRequest {
  return {
    ...selection(query, namespace),
    limit: integer(query, 'limit') ?? 0,
    ...text(query, 'continue'),
    ...text(query, 'resourceVersion'),
    ...text(query, 'resourceVersionMatch'),
    ...(query.has('sendInitialEvents') && { sendInitialEvents: isTrue(query.get('sendInitialEvents')) }),
  }
}

/** @throws StatusError 400 for selectors and booleans that do not parse. */
export function watchRequest(query: URLSearchParams, namespace: string | undefined): WatchRequest {
  return {
    ...selection(query, namespace),
    ...text(query, 'resourceVersion'),
    ...text(query, 'resourceVersionMatch'),
    ...text(query, 'continue'),
    allowBookmarks: isTrue(query.get('allowWatchBookmarks')),
    ...(query.has('sendInitialEvents') && { sendInitialEvents: isTrue(query.get('sendInitialEvents')) }),
  }
}

/** A non-negative integer parameter; absent or empty: undefined; negative: 0. @throws StatusError 400 in Go's words. */
export function integer(query: URLSearchParams, name: string): number | undefined {
  const value = query.get(name)
  if (value === null || value === '') return undefined
  const wrong = !/^[+-]?\d+$/.test(value) ? 'invalid syntax' : Math.abs(Number(value)) >= 2 ** 63 ? 'value out of range' : undefined
  if (wrong !== undefined) throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(value.slice(0, 100))}: ${wrong}`)
  return Math.max(0, Number(value))
}

const selection = (query: URLSearchParams, namespace: string | undefined): Pick<ListRequest, 'namespace' | 'labels' | 'fields'> => ({
  ...(namespace !== undefined && { namespace }),
  labels: parseLabelSelector(query.get('labelSelector') ?? ''),
  fields: parseFieldSelector(query.get('fieldSelector') ?? ''),
})

const text = <Name extends string>(query: URLSearchParams, name: Name): { readonly [N in Name]?: string } => {
  const value = query.get(name)
  return (value ? { [name]: value } : {}) as { readonly [N in Name]?: string }
}

const PROPAGATION_POLICIES = ['Background', 'Foreground', 'Orphan'] as const

/**
 * What a deletion asks for. The body (meta/v1 DeleteOptions) goes before the query parameters.
 *
 * @throws StatusError 400 for values of a wrong type, 422 for an unknown policy.
 */
export function deleteRequest(query: URLSearchParams, body: JsonObject): DeleteRequest {
  checkTypes(body, OPTIONS, 'DeleteOptions.')
  const graceSeconds = body.gracePeriodSeconds ?? integer(query, 'gracePeriodSeconds')
  const policy =
    body.propagationPolicy ??
    (typeof body.orphanDependents === 'boolean' ? orphan(body.orphanDependents) : query.get('propagationPolicy') || undefined)
  if (policy !== undefined && !isPolicy(policy))
    throw invalid('meta.k8s.io', 'DeleteOptions', '', [notSupported('propagationPolicy', policy, [...PROPAGATION_POLICIES, 'nil'])])
  const preconditions = preconditionsOf(body.preconditions as JsonObject | null | undefined)
  return {
    ...(typeof graceSeconds === 'number' && { gracePeriodSeconds: graceSeconds < 0 ? 1 : graceSeconds }),
    ...(policy !== undefined && { propagationPolicy: policy }),
    ...(preconditions && { preconditions }),
  }
}

type Fields = Readonly<Record<string, readonly [goType: string, fits: (value: unknown) => boolean]>>
const isText = (value: unknown): boolean => typeof value === 'string'
const OPTIONS: Fields = {
  gracePeriodSeconds: ['int64', Number.isInteger],
  propagationPolicy: ['v1.DeletionPropagation', isText],
  orphanDependents: ['bool', (value) => typeof value === 'boolean'],
  dryRun: ['[]string', (value) => Array.isArray(value) && value.every(isText)],
  preconditions: ['v1.Preconditions', (value) => typeof value === 'object' && !Array.isArray(value)],
}
const PRECONDITIONS: Fields = { uid: ['types.UID', isText], resourceVersion: ['string', isText] }

/** A deletion that was not understood must not happen. @throws StatusError 400 in Go's words. */
function checkTypes(value: JsonObject, fields: Fields, at: string): void {
  for (const [name, [goType, fits]] of Object.entries(fields)) {
    const found = value[name]
    if (found === undefined || found === null || fits(found)) continue
    const type = Array.isArray(found) ? 'array' : typeof found === 'boolean' ? 'bool' : typeof found
    throw badRequest(
      `DeleteOptions in version "v1" cannot be handled as a DeleteOptions: json: cannot unmarshal ${type} into Go struct field ${at}${name} of type ${goType}`,
    )
  }
}

const orphan = (value: boolean): string => (value ? 'Orphan' : 'Background')
const isPolicy = (value: unknown): value is (typeof PROPAGATION_POLICIES)[number] =>
  (PROPAGATION_POLICIES as readonly unknown[]).includes(value)

function preconditionsOf(value: JsonObject | null | undefined): DeleteRequest['preconditions'] {
  if (value === undefined || value === null) return undefined
  checkTypes(value, PRECONDITIONS, 'Preconditions.preconditions.')
  const { uid, resourceVersion } = value
  return { ...(typeof uid === 'string' && { uid }), ...(typeof resourceVersion === 'string' && { resourceVersion }) }
}
