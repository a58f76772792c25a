import { forbiddenField, invalidValue, required } from '@bramble/api/field-error'
import type { FieldError } from '@bramble/api/field-error'
import type { Container, Probe } from '@bramble/api/types/pod'
import { check, headerName, notNegative, oneOf, portNumber, portNumberOrName, within } from '../rules.ts'
import type { Handler, Lifecycle } from './pod-spec-rest.ts'

/** Source: Kubernetes pkg/apis/core/validation validateLivenessProbe, validateReadinessProbe, validateStartupProbe. */
export const validateProbes = ({ livenessProbe, readinessProbe, startupProbe }: Container, path: string): readonly FieldError[] => [
  ...(livenessProbe
    ? [...validateProbe(livenessProbe, `${path}.livenessProbe`), ...succeedsOnce(livenessProbe, `${path}.livenessProbe`)]
    : []),
  ...(readinessProbe
    ? [...validateProbe(readinessProbe, `${path}.readinessProbe`), ...withoutGrace(readinessProbe, `${path}.readinessProbe`)]
    : []),
  ...(startupProbe ? [...validateProbe(startupProbe, `${path}.startupProbe`), ...succeedsOnce(startupProbe, `${path}.startupProbe`)] : []),
]

export function validateLifecycle(lifecycle: unknown, path: string): readonly FieldError[] {
  const { postStart, preStop } = (lifecycle ?? {}) as Lifecycle
  return [
    ...(postStart ? validateHandler(postStart, `${path}.postStart`) : []),
    ...(preStop ? validateHandler(preStop, `${path}.preStop`) : []),
  ]
}

const COUNTS = ['initialDelaySeconds', 'timeoutSeconds', 'periodSeconds', 'successThreshold', 'failureThreshold'] as const

function validateProbe(probe: Probe, path: string): readonly FieldError[] {
  const grace = probe.terminationGracePeriodSeconds
  return [
    ...validateHandler(probe, path),
    ...COUNTS.flatMap((field) => check(`${path}.${field}`, probe[field] ?? 0, notNegative)),
    ...(grace !== undefined && grace <= 0 ? [invalidValue(`${path}.terminationGracePeriodSeconds`, grace, 'must be greater than 0')] : []),
  ]
}

const succeedsOnce = ({ successThreshold = 1 }: Probe, path: string): readonly FieldError[] =>
  successThreshold === 1 ? [] : [invalidValue(`${path}.successThreshold`, successThreshold, 'must be 1')]

const withoutGrace = ({ terminationGracePeriodSeconds: grace }: Probe, path: string): readonly FieldError[] =>
  grace === undefined ? [] : [invalidValue(`${path}.terminationGracePeriodSeconds`, grace, 'must not be set for readinessProbes')]

const HANDLERS = ['exec', 'httpGet', 'tcpSocket', 'grpc', 'sleep'] as const

function validateHandler(handler: Handler, path: string): readonly FieldError[] {
  const [first, ...more] = HANDLERS.filter((type) => handler[type] !== undefined)
  if (first === undefined) return [required(path, 'must specify a handler type')]
  return [
    ...validateAction(handler, first, path),
    ...more.map((type) => forbiddenField(`${path}.${type}`, 'may not specify more than 1 handler type')),
  ]
}

function validateAction(
  { exec, httpGet, tcpSocket, grpc, sleep }: Handler,
  type: (typeof HANDLERS)[number],
  path: string,
): readonly FieldError[] {
  const at = `${path}.${type}`
  switch (type) {
    case 'exec':
      return exec!.command?.length ? [] : [required(`${at}.command`)]
    case 'httpGet':
      return [
        ...(httpGet!.path ? [] : [required(`${at}.path`)]),
        ...portNumberOrName(`${at}.port`, httpGet!.port ?? 0),
        ...oneOf(`${at}.scheme`, httpGet!.scheme, ['HTTP', 'HTTPS']),
        ...(httpGet!.httpHeaders ?? []).flatMap(({ name }) => check(`${at}.httpHeaders`, name ?? '', headerName)),
      ]
    case 'tcpSocket':
      return portNumberOrName(`${at}.port`, tcpSocket!.port ?? 0)
    case 'grpc':
      return check(`${at}.port`, grpc!.port ?? 0, portNumber)
    case 'sleep':
      return check(`${at}.seconds`, sleep!.seconds ?? 0, within(0, 2 ** 31 - 1))
  }
}
