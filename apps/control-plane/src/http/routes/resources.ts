import { methodNotAllowed } from '@bramble/api/status-error'
import type { JsonObject, KubeObject } from '@bramble/api/object'
import type { ResourceDefinition, Verb } from '../../api/resource.ts'
import { bindings } from '../../resources/binding.ts'
import type { HttpContext } from '../http-env.ts'
import { listRequest } from '../list-request.ts'
import { negotiateObject } from '../negotiate.ts'
import type { ResourceRequest } from '../request-info.ts'
import { respondJson, successBody, Warnings } from '../respond.ts'
import { showList, showObject } from '../show.ts'
import { watchResponse } from '../watch-stream.ts'
import { answerComponents } from './components.ts'
import { type ApiDeps, type Exchange, keyOfExchange, openExchange } from './exchange.ts'
import { answerReview } from './reviews.ts'
import { createBinding, subresource } from './subresources.ts'
import { patch, readDelete, write } from './write.ts'

/** Every verb for every kind there will ever be: the kind is data, looked up from the path. */
export async function handleResource(c: HttpContext, deps: ApiDeps, request: ResourceRequest): Promise<Response> {
  const exchange = openExchange(c, deps, request)
  const response = await answer(exchange)
  const { deprecation } = exchange.resource
  if (deprecation === undefined || request.verb === 'watch') return response
  const warnings = new Warnings()
  warnings.add(deprecation)
  for (const [name, value] of Object.entries(warnings.headers())) response.headers.append(name, value)
  return response
}

async function answer(exchange: Exchange): Promise<Response> {
  const { request, resource } = exchange
  if (request.subresource !== undefined) return subresource(exchange)
  if (resource.verbs && !resource.verbs.includes(request.verb)) throw methodNotAllowed()
  if (resource === bindings) return createBinding(exchange)
  return answerReview(exchange) ?? answerComponents(exchange) ?? HANDLERS[request.verb](exchange)
}

const HANDLERS: Readonly<Record<Verb, (exchange: Exchange) => Promise<Response>>> = {
  get: async (exchange) => {
    const { c, deps, resource } = exchange
    const shown = negotiateObject(c.req.header('accept'))
    return showObject(c, resource, await deps.resources.get(resource, keyOfExchange(exchange)), shown, deps.env.clock.nowMs())
  },
  list: async ({ c, deps, resource, namespace, query }) => {
    const shown = negotiateObject(c.req.header('accept'))
    return showList(c, resource, await deps.resources.list(resource, listRequest(query, namespace)), shown, deps.env.clock.nowMs())
  },
  watch: (exchange) => watchResponse(exchange, negotiateObject(exchange.c.req.header('accept'))),
  create: async (exchange) => {
    const { deps, resource, request, namespace } = exchange
    if (request.name !== undefined) throw methodNotAllowed()
    return write(
      exchange,
      'CreateOptions',
      resource,
      (body, context) => deps.resources.create(resource, namespace, body.value, context),
      201,
    )
  },
  update: async (exchange) => {
    const key = keyOfExchange(exchange)
    const { deps, resource } = exchange
    return write(exchange, 'UpdateOptions', resource, (body, context) => deps.resources.update(resource, key, body.value, context))
  },
  patch: async (exchange) => {
    const key = keyOfExchange(exchange)
    const { deps, resource } = exchange
    return patch(
      exchange,
      (type, body, context) => deps.resources.patch(resource, key, type, body.value, context),
      (body, context) => deps.resources.apply(resource, key, body.value, context),
    )
  },
  delete: async (exchange) => {
    const key = keyOfExchange(exchange)
    const { c, deps, resource } = exchange
    const shown = negotiateObject(c.req.header('accept'))
    const { request, context, warnings } = await readDelete(exchange)
    const { object, gone } = await deps.resources.delete(resource, key, request, context)
    if (gone) return respondJson(c, successBody(detailsOf(resource, object)), 200, warnings.headers())
    return showObject(c, resource, object, shown, deps.env.clock.nowMs(), 200, warnings.headers())
  },
  deletecollection: async (exchange) => {
    const { c, deps, resource, namespace, query } = exchange
    const shown = negotiateObject(c.req.header('accept'))
    const { request, context } = await readDelete(exchange)
    const deleted = await deps.resources.deleteCollection(resource, listRequest(query, namespace), request, context)
    return showList(c, resource, deleted, shown, deps.env.clock.nowMs())
  },
}

const detailsOf = ({ group, plural }: ResourceDefinition, { metadata }: KubeObject): JsonObject => ({
  name: metadata.name,
  ...(group !== '' && { group }),
  kind: plural,
  uid: metadata.uid,
})
