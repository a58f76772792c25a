import type { JsonObject } from '@bramble/api/object'
import { objectKey } from '@bramble/api/object'
import { badRequest, methodNotAllowed, unknownResource } from '@bramble/api/status-error'
import { scaleResource } from '../../api/discovery.ts'
import { decodeObject, readBody } from '../body.ts'
import type { HttpContext } from '../http-env.ts'
import { negotiateObject } from '../negotiate.ts'
import { respondJson, successBody, Warnings } from '../respond.ts'
import { showObject } from '../show.ts'
import { type ApiDeps, type Exchange, keyOfExchange } from './exchange.ts'
import { attach } from './attach.ts'
import { evict } from './eviction.ts'
import { exec } from './exec.ts'
import { nodeProxy } from './node-proxy.ts'
import { podProxy } from './pod-proxy.ts'
import { portForward } from './port-forward.ts'
import { serviceProxy } from './service-proxy.ts'
import { podLog } from './streams.ts'
import { requestToken } from './tokens.ts'
import { contextOf, patch, write } from './write.ts'

/** @throws StatusError 404 when the kind has no such subresource, 405 when it does not take the method. */
export async function subresource(exchange: Exchange): Promise<Response> {
  const { resource, request } = exchange
  const name = request.subresource!
  if (name === 'status' && resource.subresources?.status) return part(exchange, ['get', 'patch', 'update'])
  if (name === 'scale' && resource.subresources?.scale) return scale(exchange)
  const named = resource.subresources?.named?.find((one) => one.name === name)
  if (named?.take) return part(exchange, named.verbs)
  const handler = Object.hasOwn(NAMED, `${resource.plural}/${name}`) ? NAMED[`${resource.plural}/${name}`] : undefined
  if (!named || !handler) throw unknownResource()
  if (!named.verbs.includes(request.verb)) throw methodNotAllowed()
  return handler(exchange)
}

const NAMED: Readonly<Record<string, (exchange: Exchange) => Promise<Response>>> = {
  'nodes/proxy': nodeProxy,
  'pods/attach': attach,
  'pods/exec': exec,
  'pods/portforward': portForward,
  'pods/proxy': podProxy,
  'services/proxy': serviceProxy,
  'pods/binding': (exchange) => bind(exchange.c, exchange.deps, exchange.namespace!, exchange.request.name!),
  'pods/eviction': evict,
  'pods/log': podLog,
  'serviceaccounts/token': requestToken,
  'namespaces/finalize': async (exchange) => {
    const key = keyOfExchange(exchange)
    return write(exchange, 'UpdateOptions', exchange.resource, (body, context) =>
      exchange.deps.resources.finalize(exchange.resource, key, body.value, context),
    )
  },
}

/** A part of the object that is read and written apart. */
async function part(exchange: Exchange, verbs: readonly string[]): Promise<Response> {
  const { c, deps, resource, request } = exchange
  const key = keyOfExchange(exchange)
  if (!verbs.includes(request.verb)) throw methodNotAllowed()
  switch (request.verb) {
    case 'get':
      return showObject(
        c,
        resource,
        await deps.resources.get(resource, key),
        negotiateObject(c.req.header('accept')),
        deps.env.clock.nowMs(),
      )
    case 'update':
      return write(exchange, 'UpdateOptions', resource, (body, context) =>
        deps.resources.update(resource, key, body.value, context, request.subresource),
      )
    case 'patch':
      return patch(exchange, (type, body, context) => deps.resources.patch(resource, key, type, body.value, context, request.subresource))
    default:
      throw methodNotAllowed()
  }
}

async function scale(exchange: Exchange): Promise<Response> {
  const { c, deps, resource: scaled, request } = exchange
  const key = keyOfExchange(exchange)
  const shownAs = { ...exchange, resource: scaleResource }
  switch (request.verb) {
    case 'get':
      return showObject(
        c,
        scaleResource,
        await deps.resources.getScale(scaled, key),
        negotiateObject(c.req.header('accept')),
        deps.env.clock.nowMs(),
      )
    case 'update':
      return write(shownAs, 'UpdateOptions', scaleResource, (body, context) => deps.resources.updateScale(scaled, key, body.value, context))
    case 'patch':
      return patch(shownAs, (type, body, context) => deps.resources.patchScale(scaled, key, type, body.value, context))
    default:
      throw methodNotAllowed()
  }
}

/** `POST bindings`, the way of old schedulers. Source: core/v1 Binding. */
export async function createBinding({ c, deps, request, namespace }: Exchange): Promise<Response> {
  if (request.name !== undefined) throw methodNotAllowed()
  return bind(c, deps, namespace!)
}

async function bind(c: HttpContext, deps: ApiDeps, namespace: string, podName?: string): Promise<Response> {
  const warnings = new Warnings()
  const context = contextOf({ c, query: c.get('query') }, 'CreateOptions', warnings)
  const body = await readObject(c, deps, { kind: 'Binding', version: 'v1' })
  const name = podName ?? String((body.metadata as JsonObject | undefined)?.name ?? '')
  if (name === '') throw badRequest('a binding names the pod in metadata.name')
  checkName(body, name)
  await deps.resources.bind(objectKey(namespace, name), body, context)
  return respondJson(c, successBody(), 201, warnings.headers())
}

async function readObject(c: HttpContext, deps: ApiDeps, expected: { kind: string; version: string }): Promise<JsonObject> {
  return (await decodeObject(c.req.header('content-type'), await readBody(c, deps.env.clock), expected)).value as JsonObject
}

function checkName(body: JsonObject, name: string): void {
  const found = (body.metadata as JsonObject | null | undefined)?.name
  if (found !== undefined && found !== '' && found !== name)
    throw badRequest(`the name of the object (${String(found)}) does not match the name on the URL (${name})`)
}
