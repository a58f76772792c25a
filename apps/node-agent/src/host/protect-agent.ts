import { writeFile } from 'node:fs/promises'
import type { Log } from '@bramble/reconcile/env'

/** As kubelet's own: killed last of all that may be killed. Containers have theirs set anew. */
const OOM_SCORE_ADJ = -999

/** The kernel takes everything else before the agent when memory runs out. What the process may not do for itself its service has done. */
export async function protectAgent(log: Log, path: string = '/proc/self/oom_score_adj'): Promise<void> {
  try {
    await writeFile(path, String(OOM_SCORE_ADJ))
  } catch (error) {
    log.debug('the agent cannot protect itself from the kernel that runs out of memory', { why: (error as Error).message })
  }
}
