import type { NewObject } from '@bramble/api/object'
import type { PriorityClass } from '@bramble/api/types/scheduling'
import type { ApiClient } from '../../api/client.ts'
import { priorityClasses, SYSTEM_PRIORITIES } from '../scheduling/priority-class.ts'
import { ensurePresent } from './ensure.ts'

/** Source: Kubernetes pkg/apis/scheduling/v1 helpers.go. */
const DESCRIPTIONS: Readonly<Record<string, string>> = {
  'system-node-critical': 'Used for system critical pods that must not be moved from their current node.',
  'system-cluster-critical': 'Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.',
}

/** The classes of what the cluster itself runs. Nobody can give them another value. */
export async function ensurePriorityClasses(client: ApiClient): Promise<void> {
  for (const [name, value] of SYSTEM_PRIORITIES) {
    const wanted: NewObject<PriorityClass> = { metadata: { name }, value, description: DESCRIPTIONS[name]! }
    await ensurePresent(client, priorityClasses, wanted)
  }
}
