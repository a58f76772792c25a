import type { Node } from '@bramble/api/types/node'

/** A release that nodes can fetch from the control plane. */
export interface Release {
  readonly version: string
  readonly arch: 'arm64' | 'x64'
}

/** What agents can be upgraded to. */
export interface AgentReleases {
  /** Those that nodes can fetch now. */
  releases(): Promise<readonly Release[]>
  /** Of the control plane itself, e.g. 0.1.0: agents stay near it. */
  readonly serverVersion: string
}

/** The architecture of the release that a node needs; Go calls one of them otherwise than Node.js. */
export function archOf(node: Node): string {
  const architecture = node.status?.nodeInfo?.architecture ?? ''
  return architecture === 'amd64' ? 'x64' : architecture
}

export const isThere = (releases: readonly Release[], version: string, arch: string): boolean =>
  releases.some((release) => release.version === version && release.arch === arch)

/** What an operator types on the machine of the control plane. */
export const importCommand = (version: string, arch: string): string => `bramble release import bramble-${version}-linux-${arch}.tar.zst`
