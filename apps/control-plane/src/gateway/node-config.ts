import { apiVersionOf } from '@bramble/api/object'
import type { Node } from '@bramble/api/types/node'
import { AGENT_DEADLINE_ANNOTATION, AGENT_VERSION_ANNOTATION, type NodeConfig } from '@bramble/api/types/node-config'
import { isVersion } from '@bramble/api/version'
import { digestOf, idOf, type Shown } from './assignments.ts'

/** A version that gets less time than this to start is one that nobody can install; a week is as good as for ever. */
const DEADLINE_SECONDS_MIN = 10
const DEADLINE_SECONDS_MAX = 7 * 24 * 3600

/**
 * What a node is told of itself: what the annotations of its Node ask for. Only the node itself sees it, so asking one for another
 * version costs the others nothing. What is no version and no number is left out: an agent is not told nonsense.
 *
 * @returns Undefined when nothing is asked for.
 */
export function showNodeConfig(node: Node | undefined): Shown | undefined {
  const { [AGENT_VERSION_ANNOTATION]: version, [AGENT_DEADLINE_ANNOTATION]: deadline } = node?.metadata.annotations ?? {}
  const spec: NodeConfig['spec'] = {
    ...(version !== undefined && isVersion(version) && { agentVersion: version }),
    ...(deadline !== undefined && isDeadline(deadline) && { deadlineSeconds: Number(deadline) }),
  }
  if (!node || Object.keys(spec).length === 0) return undefined
  const { name, uid, creationTimestamp } = node.metadata
  const id = idOf('NodeConfig', name)
  const object: NodeConfig = {
    apiVersion: apiVersionOf('bramble.dev', 'v1'),
    kind: 'NodeConfig',
    metadata: { name, uid, resourceVersion: '', creationTimestamp },
    spec,
  }
  return { id, object, digest: digestOf(id, [uid, spec]) }
}

const isDeadline = (text: string): boolean =>
  /^\d{1,9}$/.test(text) && Number(text) >= DEADLINE_SECONDS_MIN && Number(text) <= DEADLINE_SECONDS_MAX
