import type { JsonObject, KubeObject } from '@bramble/api/object'
import type { ApplyResult, DeleteRequest, PatchType, WriteContext } from '../../api/requests.ts'
import { decodeObject, decodePatch, type DecodedBody, patchType, readBody } from '../body.ts'
import { deleteRequest } from '../list-request.ts'
import { negotiateObject } from '../negotiate.ts'
import { Warnings } from '../respond.ts'
import { showObject } from '../show.ts'
import { type OptionsKind, writeContext } from '../write-context.ts'
import type { Exchange } from './exchange.ts'

/** Reads a whole object, hands it on, shows what became of it. */
export async function write(
  exchange: Exchange,
  options: OptionsKind,
  expected: { readonly kind: string; readonly version: string },
  act: (body: DecodedBody, context: WriteContext) => Promise<KubeObject>,
  code = 200,
): Promise<Response> {
  const { c, deps, resource } = exchange
  const shown = negotiateObject(c.req.header('accept'))
  const warnings = new Warnings()
  const context = contextOf(exchange, options, warnings)
  const body = await decodeObject(c.req.header('content-type'), await readBody(c, deps.env.clock), expected)
  let shownCode = code
  const demandCreate = (): void => {
    deps.authorizer.demand(context.user, { ...exchange.request, verb: 'create' })
    shownCode = 201 // an update made it
  }
  const object = await act(body, { ...context, duplicateFields: body.duplicateFields, demandCreate })
  return showObject(c, resource, object, shown, deps.env.clock.nowMs(), shownCode, warnings.headers())
}

/**
 * Reads a patch, hands it on, shows what became of it.
 * @param apply Where an apply may make the object: takes those. Otherwise `act` does.
 */
export async function patch(
  exchange: Exchange,
  act: (type: PatchType, body: DecodedBody, context: WriteContext) => Promise<KubeObject>,
  apply?: (body: DecodedBody, context: WriteContext) => Promise<ApplyResult>,
): Promise<Response> {
  const { c, deps, resource } = exchange
  const type = patchType(c.req.header('content-type'))
  const shown = negotiateObject(c.req.header('accept'))
  const warnings = new Warnings()
  const bytes = await readBody(c, deps.env.clock)
  const options = contextOf(exchange, 'PatchOptions', warnings, type)
  const body = await decodePatch(type, bytes)
  const demandCreate = (): void => deps.authorizer.demand(options.user, { ...exchange.request, verb: 'create' })
  const context = { ...options, duplicateFields: body.duplicateFields, demandCreate }
  const { object, isNew } =
    type === 'apply' && apply ? await apply(body, context) : { object: await act(type, body, context), isNew: false }
  return showObject(c, resource, object, shown, deps.env.clock.nowMs(), isNew ? 201 : 200, warnings.headers())
}

/** What a deletion asks for: by its body, else by its query. */
export async function readDelete(exchange: Exchange): Promise<{ request: DeleteRequest; context: WriteContext; warnings: Warnings }> {
  const { c, deps, query } = exchange
  const bytes = await readBody(c, deps.env.clock)
  const expected = { kind: 'DeleteOptions', version: 'v1' }
  const body = bytes.length === 0 ? {} : ((await decodeObject(c.req.header('content-type'), bytes, expected)).value as JsonObject)
  const warnings = new Warnings()
  const dryRun = Array.isArray(body.dryRun) ? body.dryRun.map(String) : []
  return { request: deleteRequest(query, body), context: contextOf(exchange, 'DeleteOptions', warnings, undefined, dryRun), warnings }
}

export const contextOf = (
  { c, query }: Pick<Exchange, 'c' | 'query'>,
  options: OptionsKind,
  warnings: Warnings,
  type?: PatchType,
  dryRun?: readonly string[],
): WriteContext =>
  writeContext(query, {
    options,
    user: c.get('user'),
    userAgent: c.req.header('user-agent'),
    warn: (message) => warnings.add(message),
    ...(type !== undefined && { patchType: type }),
    ...(dryRun && { dryRun }),
  })
