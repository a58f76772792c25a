import type { KubeObject } from '@bramble/api/object'
import type { KubeEvent } from '@bramble/api/types/core'
import type { NodeStatus } from '@bramble/api/types/node'
import type { Pod, PodStatus } from '@bramble/api/types/pod'

// The node protocol, as both ends see it. State only: small, idempotent, newest wins. Bytes go over gRPC
// (`proto/bramble/stream/v1`). Implementations: `memory-link.ts` (with faults) and `mqtt/`; both pass `link.contract.ts`.

/**
 * What an object is called on the link. `kind` is unambiguous: nodes see core and discovery kinds, CSIDrivers, and `PodToken`, which
 * exists on the link alone: `data` by projected path, `<volume>/<path>`, of the service account tokens that a pod mounts. Its name is the pod's.
 */
export interface ObjectRef {
  readonly kind: string
  readonly namespace?: string
  readonly name: string
}

/** Downwards: what a node shall know. Versions chain, so a lost message is noticed instead of half applied. */
export type Assignment =
  | { readonly type: 'complete'; readonly version: string; readonly objects: readonly KubeObject[] }
  | {
      readonly type: 'incremental'
      readonly after: string
      readonly version: string
      readonly upserts: readonly KubeObject[]
      readonly removals: readonly ObjectRef[]
    }

/** Upwards: the newest fact about one thing. Safe to repeat, safe to skip when a newer one exists. */
export type StatusReport =
  | { readonly type: 'pod-status'; readonly namespace: string; readonly name: string; readonly uid: string; readonly status: PodStatus }
  /** Containers, sandbox and volumes of a deleted pod are gone: its object may go too. */
  | { readonly type: 'pod-gone'; readonly namespace: string; readonly name: string; readonly uid: string }
  | {
      readonly type: 'node-status'
      readonly labels: Readonly<Record<string, string>>
      readonly annotations: Readonly<Record<string, string>>
      readonly status: NodeStatus
    }
  /** Measured use, kept in memory as NodeMetrics. `window` in milliseconds. */
  | {
      readonly type: 'node-usage'
      readonly atMs: number
      readonly windowMs: number
      readonly cpuMillis: number
      readonly memoryBytes: number
    }
  /**
   * Measured use of one pod's containers, kept in memory as PodMetrics. Told when it changed noticeably, so an idle pod costs nothing;
   * without containers: it is measured no more.
   */
  | {
      readonly type: 'pod-usage'
      readonly namespace: string
      readonly name: string
      readonly uid: string
      readonly windowMs: number
      readonly containers: readonly { readonly name: string; readonly cpuMillis: number; readonly memoryBytes: number }[]
    }
  /** A pod from the node's own folder: shown in the API, never started or stopped from there. Its annotation `kubernetes.io/config.hash` names its content. */
  | { readonly type: 'mirror-pod'; readonly pod: Pod }
  /** The folder of a released volume is gone: its PersistentVolume may go too. */
  | { readonly type: 'volume-gone'; readonly name: string; readonly uid: string }
  /** A volume could not be made or removed; the reason is for people. */
  | { readonly type: 'volume-failed'; readonly name: string; readonly uid: string; readonly message: string }
  /** CSI drivers that have registered with this node, whole state. */
  | { readonly type: 'csi-drivers'; readonly drivers: readonly CsiNodeDriver[] }
  /** `event.metadata.name` identifies it; repeats carry a higher `count`. */
  | { readonly type: 'event'; readonly event: KubeEvent }

/** Source: storage.k8s.io/v1 CSINodeDriver. */
export interface CsiNodeDriver {
  readonly name: string
  /** The node as the driver knows it. */
  readonly nodeId: string
  readonly topologyKeys: readonly string[]
  readonly volumesMax?: number
}

/** Reports with the same id replace each other; the newest wins. */
export function reportId(report: StatusReport): string {
  switch (report.type) {
    case 'pod-status':
    case 'pod-gone':
      return `pod ${report.uid}`
    case 'node-status':
    case 'node-usage':
    case 'csi-drivers':
      return report.type
    case 'pod-usage':
      return `usage ${report.uid}`
    case 'mirror-pod':
      return `mirror ${report.pod.metadata.namespace}/${report.pod.metadata.name}`
    case 'volume-gone':
    case 'volume-failed':
      return `volume ${report.uid}`
    case 'event':
      return `event ${report.event.metadata.namespace}/${report.event.metadata.name}`
  }
}

export interface NodeHello {
  /** Version of the assignment that the agent still holds, if any. */
  readonly have?: string
  /** Version of the agent program, for skew checks. */
  readonly agentVersion: string
}

/** "Dial the stream server and carry stream `id`": logs, exec and the like are asked for over the link, carried over gRPC. */
export interface StreamRequest {
  /** Unguessable; good for one stream. */
  readonly id: string
}

// ── the node's end ──────────────────────────────────────────────────────────

export interface NodeLink {
  /**
   * Connects, says hello and returns when the server accepted.
   * @throws when the server cannot be reached or refuses this node; the caller retries with back-off.
   */
  open(hello: NodeHello, signal: AbortSignal): Promise<NodeSession>
  /** Bytes of all messages so far, without what carries them. Absent where nobody counts. */
  readonly traffic?: { readonly sentBytes: number; readonly receivedBytes: number }
}

export interface NodeSession {
  /** Complete (or resumed from `hello.have`), then chained increments. Ends when the session ends. One reader. */
  readonly assignments: AsyncIterable<Assignment>
  /** Ends when the session ends. One reader. */
  readonly streams: AsyncIterable<StreamRequest>
  /** Asks for a complete assignment: an increment did not chain. */
  resync(): Promise<void>
  /** Resolves when the server has taken the reports (durably, where their kind is durable). Throws when the session ends first. */
  report(reports: readonly StatusReport[]): Promise<void>
  /** The server's clock now, epoch milliseconds, as it said last; undefined when it never did. */
  readonly serverTimeMs?: number | undefined
  /** Resolves when the link is lost or closed; never rejects. */
  readonly closed: Promise<void>
  /** Says goodbye: the server treats the node as gone at once, as after a lost link. */
  close(): Promise<void>
}

// ── the server's end ────────────────────────────────────────────────────────

export interface LinkServer {
  /** Serves until `signal` aborts. `handler` methods of one node are never run concurrently with each other. */
  run(handler: LinkHandler, signal: AbortSignal): Promise<void>
}

export interface LinkHandler {
  /** A node said hello. An earlier session of the same node has been closed before. */
  opened(session: ServerSession): Promise<void>
  resync(session: ServerSession): Promise<void>
  /** Rejecting means "not taken": the node will send again. */
  reported(session: ServerSession, reports: readonly StatusReport[]): Promise<void>
  /** `lost`: last will, keep-alive ran out, or connection reset; `goodbye`: the agent stopped in order; `replaced`: it opened another session. */
  closed(session: ServerSession, why: 'goodbye' | 'lost' | 'replaced'): Promise<void>
}

export interface ServerSession {
  /** From the client certificate, never from the message. */
  readonly nodeName: string
  readonly hello: NodeHello
  /** At least once, in order while the session lives; throws when it ended. Bounded: a node that does not read loses its session. */
  assign(assignment: Assignment): Promise<void>
  stream(request: StreamRequest): Promise<void>
  /** Ends the session; the node will open another one. */
  end(): void
}
