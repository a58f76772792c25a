import { notFound } from '@bramble/api/status-error'
import { selector } from '../../api/selection.ts'
import type { ResourceDefinition } from '../../api/resource.ts'
import { componentStatus, componentStatuses } from '../../resources/component-status.ts'
import { listRequest } from '../list-request.ts'
import { negotiateObject } from '../negotiate.ts'
import { showList, showObject } from '../show.ts'
import type { Exchange } from './exchange.ts'

/** Answers how the parts of the control plane are; undefined when the exchange is about something else. */
export function answerComponents({ c, deps, resource, request, query }: Exchange): Promise<Response> | undefined {
  if (resource !== (componentStatuses as ResourceDefinition)) return undefined
  const shown = negotiateObject(c.req.header('accept'))
  const nowMs = deps.env.clock.nowMs()
  const { components = [] } = deps
  if (request.name !== undefined) {
    const asked = components.find(({ name }) => name === request.name)
    if (!asked) throw notFound(resource, request.name)
    return showObject(c, resource, componentStatus(asked.name, asked.check()), shown, nowMs)
  }
  const isAskedFor = selector(resource, listRequest(query, undefined))
  const items = components.map(({ name, check }) => componentStatus(name, check())).filter(isAskedFor)
  return showList(c, resource, { items, resourceVersion: '' }, shown, nowMs)
}
