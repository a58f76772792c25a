// Pure: the agent itself, at /metrics, under kubelet's names where dashboards know them. Source: kubelet, pkg/kubelet/metrics.
import { type Family, single } from '@bramble/reconcile/metrics/family'
import type { ClaimReading } from '../disk-measures.ts'

export interface LinkFacts {
  readonly connected: boolean
  /** Sessions that were opened since the start. */
  readonly sessions: number
  /** Reports that wait to be taken by the control plane. */
  readonly waiting: number
  readonly reported: number
  /** Payloads of messages; undefined where the link does not count. */
  readonly sentBytes?: number
  readonly receivedBytes?: number
}

export interface AgentPageParts {
  readonly nodeName: string
  readonly version: string
  readonly pods: number
  /** By the state of containers: running, created, exited. */
  readonly containers: Readonly<Record<string, number>>
  readonly link: LinkFacts
  readonly claims: readonly (ClaimReading & { readonly namespace: string })[]
}

export function* agentFamilies({ nodeName, version, pods, containers, link, claims }: AgentPageParts): Generator<Family, void> {
  yield single('gauge', 'kubelet_node_name', "The node's name. The count is always 1.", 1, { node: nodeName })
  yield single('gauge', 'kubelet_running_pods', 'Number of pods that have a running pod sandbox', pods)
  yield {
    name: 'kubelet_running_containers',
    help: 'Number of containers currently running',
    type: 'gauge',
    samples: Object.entries(containers).map(([state, value]) => ({ labels: { container_state: state }, value })),
  }
  yield* volumeFamilies(claims)
  yield single('gauge', 'bramble_agent_info', 'Version of the agent.', 1, { version })
  yield single('gauge', 'bramble_link_connected', 'Whether the control plane hears this node.', Number(link.connected))
  yield single('counter', 'bramble_link_sessions_total', 'Sessions with the control plane, this one included.', link.sessions)
  yield single('gauge', 'bramble_outbox_reports', 'Reports that wait to be taken by the control plane.', link.waiting)
  yield single('counter', 'bramble_outbox_reports_total', 'Reports that the control plane took.', link.reported)
  if (link.sentBytes !== undefined)
    yield single('counter', 'bramble_link_sent_bytes_total', 'Messages to the control plane, without what carries them.', link.sentBytes)
  if (link.receivedBytes !== undefined)
    yield single(
      'counter',
      'bramble_link_received_bytes_total',
      'Messages of the control plane, without what carries them.',
      link.receivedBytes,
    )
}

const VOLUMES = [
  ['available_bytes', 'Number of available bytes in the volume', ({ availableBytes }) => availableBytes],
  ['capacity_bytes', 'Capacity in bytes of the volume', ({ capacityBytes }) => capacityBytes],
  ['used_bytes', 'Number of used bytes in the volume', ({ usedBytes }) => usedBytes],
  ['inodes', 'Maximum number of inodes in the volume', ({ inodes }) => inodes],
  ['inodes_free', 'Number of free inodes in the volume', ({ inodesFree }) => inodesFree],
  ['inodes_used', 'Number of used inodes in the volume', ({ inodes, inodesFree }) => inodes - inodesFree],
] as const satisfies readonly (readonly [string, string, (reading: ClaimReading) => number])[]

/** Of volumes that pods claimed, each once however many pods have it. */
function* volumeFamilies(claims: AgentPageParts['claims']): Generator<Family, void> {
  const each = new Map(claims.map((reading) => [`${reading.namespace}/${reading.claim}`, reading]))
  for (const [name, help, value] of VOLUMES)
    yield {
      name: `kubelet_volume_stats_${name}`,
      help,
      type: 'gauge',
      samples: [...each.values()].map((reading) => ({
        labels: { namespace: reading.namespace, persistentvolumeclaim: reading.claim },
        value: value(reading),
      })),
    }
}
