import { minorsBetween, SKEW_MINORS_MAX } from '@bramble/api/version'

/**
 * What is wrong with two versions on one link; undefined when they are near enough, or one of them is none. The node is served all the
 * same: over this link it gets the version that mends it (docs/decisions/0022-versions-two-minors-apart.md).
 */
export function skewComplaint(server: string | undefined, agent: string): string | undefined {
  const minors = server === undefined ? undefined : minorsBetween(agent, server)
  if (minors === undefined || Math.abs(minors) <= SKEW_MINORS_MAX) return undefined
  return `the agent is ${agent} and the control plane ${server}: they are only known to understand each other within ${SKEW_MINORS_MAX} minor versions; ${
    minors < 0 ? 'upgrade this node ("bramble upgrade")' : 'upgrade the control plane ("bramble upgrade --server")'
  }`
}
