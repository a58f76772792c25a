import { type FieldError, forbiddenField, invalidValue, notSupported } from '@bramble/api/field-error'
import { badRequest, invalid } from '@bramble/api/status-error'
import type { Pod, PodStatus } from '@bramble/api/types/pod'
import { containerOf } from './pod-container.ts'
import { isTrue } from './request-info.ts'

/** Which part of a container's log, as the node must know it. Source: core/v1 PodLogOptions. */
export interface LogOptions {
  readonly container: string
  readonly follow: boolean
  /** Of the run before this one. */
  readonly previous: boolean
  /** Each line begins with its time, RFC 3339. */
  readonly timestamps: boolean
  /** Absent: from the beginning. */
  readonly tailLines?: number
  readonly limitBytes?: number
  /** Epoch milliseconds. */
  readonly sinceTimeMs?: number
  /** Absent: both. */
  readonly stream?: 'Stdout' | 'Stderr'
}

/**
 * The query of `GET pods/x/log`, checked against the pod.
 *
 * @throws StatusError 422 naming every parameter that is wrong; 400 when the container is not named, unknown, or has no log.
 * @see Source: core/v1 validation ValidatePodLogOptions; pod strategy LogLocation; kubelet validateContainerLogStatus.
 */
export function podLogOptions(query: URLSearchParams, pod: Pod, nowMs: number): LogOptions {
  const errors: FieldError[] = []
  const number = (name: string, min: number, rule: string): number | undefined => {
    const text = query.get(name)
    if (text === null || text === '') return undefined
    const value = Number(text)
    if (!/^-?\d{1,15}$/.test(text)) errors.push(invalidValue(name, text, 'must be an integer'))
    else if (value < min) errors.push(invalidValue(name, value, rule))
    return value
  }
  const tailLines = number('tailLines', 0, 'must be greater than or equal to 0')
  const limitBytes = number('limitBytes', 1, 'must be greater than 0')
  const sinceSeconds = number('sinceSeconds', 1, 'must be greater than 0')
  const sinceTime = query.get('sinceTime') || undefined
  const sinceTimeMs = sinceTime !== undefined ? Date.parse(sinceTime) : sinceSeconds !== undefined ? nowMs - sinceSeconds * 1000 : undefined
  if (sinceTime !== undefined && sinceSeconds !== undefined)
    errors.push(forbiddenField('', 'at most one of `sinceTime` or `sinceSeconds` may be specified'))
  if (sinceTime !== undefined && Number.isNaN(sinceTimeMs)) errors.push(invalidValue('sinceTime', sinceTime, 'must be a time in RFC 3339'))
  const stream = query.get('stream') || 'All'
  if (!['All', 'Stdout', 'Stderr'].includes(stream)) errors.push(notSupported('stream', stream, ['All', 'Stderr', 'Stdout']))
  else if (stream !== 'All' && tailLines !== undefined)
    errors.push(forbiddenField('', '`tailLines` and specific `stream` are mutually exclusive for now'))
  if (errors.length > 0) throw invalid('', 'PodLogOptions', pod.metadata.name, errors)

  return {
    container: containerOf(query.get('container') ?? '', pod),
    follow: flag(query, 'follow'),
    previous: flag(query, 'previous'),
    timestamps: flag(query, 'timestamps'),
    ...(tailLines !== undefined && { tailLines }),
    ...(limitBytes !== undefined && { limitBytes }),
    ...(sinceTimeMs !== undefined && { sinceTimeMs }),
    ...(stream !== 'All' && { stream: stream as 'Stdout' | 'Stderr' }),
  }
}

const flag = (query: URLSearchParams, name: string): boolean => query.has(name) && isTrue(query.get(name))

/** @throws StatusError 400 when there is no log to read, for a reason that the pod's status knows. */
export function assertHasLog({ metadata, status }: Pod, { container, previous }: Pick<LogOptions, 'container' | 'previous'>): void {
  const refuse = (what: string): never => {
    throw badRequest(what)
  }
  const of = `container ${JSON.stringify(container)} in pod ${JSON.stringify(metadata.name)}`
  const found = statusOf(container, status)
  if (previous) {
    if (!found?.lastState?.terminated?.containerID) refuse(`previous terminated ${of} not found`)
    return
  }
  const { state, lastState } = found ?? {}
  if (state?.running || state?.terminated || lastState?.terminated) return
  refuse(`${of} is waiting to start: ${waitingText(state?.waiting?.reason)}`)
}

const statusOf = (container: string, { containerStatuses, initContainerStatuses, ephemeralContainerStatuses }: PodStatus = {}) =>
  [containerStatuses, initContainerStatuses, ephemeralContainerStatuses]
    .flatMap((statuses) => statuses ?? [])
    .find(({ name }) => name === container)

function waitingText(reason = 'ContainerCreating'): string {
  if (reason === 'ErrImagePull') return "image can't be pulled"
  return reason === 'ImagePullBackOff' ? 'trying and failing to pull image' : reason
}
