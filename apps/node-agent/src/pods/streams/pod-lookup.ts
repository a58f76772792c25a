import type { Pod, PodStatus } from '@bramble/api/types/pod'
import type { SandboxState } from '../../runtime/runtime.ts'

/** What the pods of this node are up to, as far as those who look at them from outside need it. */
export interface PodLookup {
  /** undefined: no such pod here. */
  seen(podUid: string): SeenPod | undefined
  all(): readonly SeenPod[]
}

export interface SeenPod {
  readonly pod: Pod
  /** As this node told it last; absent before. */
  readonly status?: PodStatus
  /** That it lives in; absent before the first. */
  readonly sandbox?: SandboxState
}
