import { badRequest } from '@bramble/api/status-error'

/** What a path names that is proxied to: `name`, `name:port` or `scheme:name:port`. */
export interface TargetName {
  readonly scheme: 'http' | 'https'
  readonly name: string
  /** A number or a name; '' for the usual one. */
  readonly port: string
}

/** @throws StatusError 400. Source: apimachinery pkg/util/net SplitSchemeNamePort. */
export function targetName(id: string, kind: 'node' | 'pod' | 'service'): TargetName {
  const parts = id.split(':')
  const [scheme, name, port] = parts.length === 3 ? parts : ['', parts[0], parts[1] ?? '']
  if (parts.length > 3 || !name || !['', 'http', 'https'].includes(scheme!))
    throw badRequest(`invalid ${kind} request ${JSON.stringify(id)}`)
  return { scheme: scheme === 'https' ? 'https' : 'http', name, port: port! }
}
