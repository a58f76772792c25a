import type { AgentUpgrade, AgentUpgradeSpec } from '@bramble/api/types/agent-upgrade'
import type { Node } from '@bramble/api/types/node'
import type { AgentUpgradeReason } from '@bramble/api/types/node-config'
import type { Candidate } from './node-state.ts'
import type { Release } from './release.ts'

// Builders that make a test case fit on a line.

export const NOW_MS = Date.UTC(2026, 0, 1, 1)
export const RELEASES: readonly Release[] = [
  { version: '0.1.0', arch: 'arm64' },
  { version: '0.2.0', arch: 'arm64' },
  { version: '0.2.0', arch: 'x64' },
]

export interface NodeTraits {
  /** Default 0.1.0. */
  readonly runs?: string
  readonly told?: string
  /** Name of the AgentUpgrade that told it. */
  readonly by?: string
  /** About the version that it was told. */
  readonly says?: AgentUpgradeReason
  /** Instead of `says`: the whole message. */
  readonly message?: string
  readonly offline?: boolean
  readonly canary?: boolean
  readonly arch?: string
  readonly labels?: Record<string, string>
  readonly toldMs?: number
  readonly silentMs?: number
}

export function aNode(name: string, traits: NodeTraits = {}): Node {
  const { runs = '0.1.0', told, by, says, offline = false, canary = false, arch = 'arm64', labels } = traits
  const message = traits.message ?? `${told}: as it goes`
  return {
    metadata: {
      name,
      uid: name,
      resourceVersion: '1',
      creationTimestamp: '2026-01-01T00:00:00Z',
      labels: { ...labels, ...(canary && { 'bramble.dev/canary': 'true' }) },
      annotations: {
        ...(told !== undefined && { 'bramble.dev/agent-version': told }),
        ...(by !== undefined && { 'bramble.dev/agent-upgrade': by }),
      },
    },
    spec: {},
    status: {
      nodeInfo: { kubeletVersion: `v1.36.2+bramble.${runs}`, architecture: arch } as NonNullable<Node['status']>['nodeInfo'] & object,
      conditions: [
        { type: 'Ready', status: offline ? 'Unknown' : 'True' },
        ...(says
          ? [{ type: 'AgentUpgrade', status: says === 'UpToDate' ? ('True' as const) : ('False' as const), reason: says, message }]
          : []),
      ],
    },
  }
}

export const aCandidate = (name: string, traits: NodeTraits = {}): Candidate => ({
  node: aNode(name, traits),
  toldMs: traits.toldMs ?? 0,
  silentMs: traits.silentMs ?? 0,
})

export const anUpgrade = (spec: Partial<AgentUpgradeSpec> = {}, rest: Partial<AgentUpgrade> = {}): AgentUpgrade => ({
  apiVersion: 'bramble.dev/v1',
  kind: 'AgentUpgrade',
  metadata: { name: 'fleet', uid: 'fleet', resourceVersion: '1', generation: 1, creationTimestamp: '2026-01-01T00:00:00Z' },
  spec: { version: '0.2.0', maxUnavailable: 2, maxFailures: 1, deadlineSeconds: 600, ...spec },
  ...rest,
})
