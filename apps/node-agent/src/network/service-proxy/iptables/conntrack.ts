import type { ServiceTable } from '../service-table.ts'

/**
 * Arguments of the `conntrack` calls after which no UDP flow is stuck to a backend that is gone. Pure.
 *
 * UDP has no end: a client that keeps sending from one port would reach the old backend for ever. When a Service gets its
 * first backend, flows that were let through untranslated go as well. Source: kube-proxy's conntrack clean-up.
 */
export function staleFlows(before: ServiceTable | undefined, after: ServiceTable): readonly (readonly string[])[] {
  const old = new Map(before?.forwards.filter(({ protocol }) => protocol === 'UDP').map((forward) => [forward.id, forward]))
  const calls: (readonly string[])[] = []
  for (const forward of after.forwards) {
    if (forward.protocol !== 'UDP') continue
    const previous = old.get(forward.id)
    old.delete(forward.id)
    const now = new Set(forward.backends.map(({ ip }) => ip))
    const gone = [...new Set(previous?.backends.map(({ ip }) => ip))].filter((ip) => !now.has(ip))
    for (const ip of gone) calls.push(...deletions(previous!.clusterIp, previous!.nodePort, ip))
    if ((previous?.backends.length ?? 0) === 0 && now.size > 0) calls.push(...deletions(forward.clusterIp, forward.nodePort))
  }
  for (const forward of old.values()) // the Service itself is gone
    for (const ip of new Set(forward.backends.map((backend) => backend.ip)))
      calls.push(...deletions(forward.clusterIp, forward.nodePort, ip))
  return calls
}

function deletions(clusterIp: string, nodePort: number | undefined, backendIp?: string): readonly (readonly string[])[] {
  const to = backendIp === undefined ? [] : ['--dst-nat', backendIp]
  return [
    ['-D', '-p', 'udp', '--orig-dst', clusterIp, ...to],
    ...(nodePort === undefined ? [] : [['-D', '-p', 'udp', '--orig-port-dst', String(nodePort), ...to]]),
  ]
}
