import type { EndpointSlice, Service } from '@bramble/api/types/service'
import { unavailable } from './backend.ts'

export interface ServiceTarget {
  readonly podName: string
  readonly uid?: string
  readonly port: number
}

/** @param port As in the path: a number is that of the Service, anything else its name. @throws StatusError 503 when it has no such port. */
export function servicePortName({ metadata, spec }: Service, port: string): string {
  if (!/^\d+$/.test(port)) return port
  const found = spec.ports?.find((one) => one.port === Number(port))
  if (!found) throw unavailable(`no service port ${port} found for service ${JSON.stringify(metadata.name)}`)
  return found.name ?? ''
}

/** Pods that take connections to the port, each once. Endpoints that are no pods are left out: nobody could say who is asked there. */
export function readyTargets(slices: readonly EndpointSlice[], portName: string): readonly ServiceTarget[] {
  const targets = new Map<string, ServiceTarget>()
  for (const { ports = [], endpoints } of slices) {
    const port = ports.find(({ name = '' }) => name === portName)?.port
    if (port === undefined) continue
    for (const { conditions, targetRef } of endpoints) {
      if (conditions?.ready === false || targetRef?.kind !== 'Pod' || !targetRef.name) continue
      targets.set(targetRef.name, { podName: targetRef.name, port, ...(targetRef.uid && { uid: targetRef.uid }) })
    }
  }
  return [...targets.values()]
}
