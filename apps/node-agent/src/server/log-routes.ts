import { badRequest, StatusError } from '@bramble/api/status-error'
import type { Clock } from '@bramble/reconcile/env'
import { oneStream, type OpenPodLogs, type PodLogsRequest } from '../pods/logs.ts'
import type { PodLookup } from '../pods/streams/pod-lookup.ts'
import type { ServerRoute } from './routes.ts'

/** `/containerLogs/<namespace>/<pod>/<container>` with the query of PodLogOptions. Source: kubelet, `getContainerLogs`. */
export const logRoutes = (lookup: PodLookup, openLogs: OpenPodLogs, clock: Clock): readonly ServerRoute[] => [
  {
    path: '/containerLogs/:namespace/:pod/:container',
    access: 'tunnel',
    handle: async ({ segments, query, signal }) => {
      const { namespace = '', pod = '', container = '' } = segments
      const found = lookup.all().find(({ pod: { metadata } }) => metadata.namespace === namespace && metadata.name === pod)
      if (!found) throw new StatusError(404, 'NotFound', `pod ${JSON.stringify(pod)} does not exist`)
      const { spec, metadata } = found.pod
      if (![...spec.containers, ...(spec.initContainers ?? []), ...(spec.ephemeralContainers ?? [])].some(({ name }) => name === container))
        throw new StatusError(404, 'NotFound', `container ${JSON.stringify(container)} not found in pod ${JSON.stringify(pod)}`)
      const request = { namespace, pod, podUid: metadata.uid, container, ...logOptions(query, clock.nowMs()) }
      return { contentType: 'text/plain', body: openLogs(request, signal) }
    },
  },
]

/** @throws StatusError 400 naming what is wrong. */
export function logOptions(query: URLSearchParams, nowMs: number): Omit<PodLogsRequest, 'namespace' | 'pod' | 'podUid' | 'container'> {
  const flag = (name: string): boolean => /^(true|1)$/i.test(query.get(name) ?? '')
  const number = (name: string, min: number): number | undefined => {
    const text = query.get(name) ?? ''
    if (text === '') return undefined
    if (!/^\d{1,15}$/.test(text) || Number(text) < min) throw badRequest(`${name}: must be an integer that is at least ${min}`)
    return Number(text)
  }
  const [tailLines, limitBytes, sinceSeconds] = [number('tailLines', 0), number('limitBytes', 1), number('sinceSeconds', 1)]
  const sinceTime = query.get('sinceTime') || undefined
  const sinceTimeMs = sinceTime !== undefined ? Date.parse(sinceTime) : sinceSeconds !== undefined ? nowMs - sinceSeconds * 1000 : undefined
  if (Number.isNaN(sinceTimeMs)) throw badRequest('sinceTime: must be a time in RFC 3339')
  return {
    follow: flag('follow'),
    previous: flag('previous'),
    timestamps: flag('timestamps'),
    ...oneStream(query.get('stream') ?? ''),
    ...(tailLines !== undefined && { tailLines }),
    ...(limitBytes !== undefined && { limitBytes }),
    ...(sinceTimeMs !== undefined && { sinceTimeMs }),
  }
}
