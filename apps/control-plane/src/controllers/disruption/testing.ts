import type { Pod } from '@bramble/api/types/pod'
import type { PodDisruptionBudget } from '@bramble/api/types/policy'

export const NOW_MS = Date.UTC(2026, 0, 1, 12)
const metadata = { namespace: 'default', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' }

/** `web` is ready, `web-` is not, `web!` is leaving, `web?` waits, `web.` has ended; all labelled app=web, owned by a ReplicaSet. */
export function aPod(text: string, owner: { kind: string; apiVersion?: string; uid?: string } | undefined = { kind: 'ReplicaSet' }): Pod {
  const [, name = '', flag = ''] = /^(.*?)([-!?.]?)$/.exec(text)!
  const ready = flag === '' || flag === '!'
  return {
    metadata: {
      ...metadata,
      name,
      uid: name,
      labels: { app: 'web' },
      ...(flag === '!' && { deletionTimestamp: '2026-01-01T11:59:00Z' }),
      ...(owner && {
        ownerReferences: [{ apiVersion: 'apps/v1', name: 'web', uid: 'rs', controller: true, ...owner }],
      }),
    },
    spec: { containers: [] },
    status: {
      phase: flag === '?' ? 'Pending' : flag === '.' ? 'Succeeded' : 'Running',
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
    },
  }
}

export const aBudget = (
  spec: Partial<PodDisruptionBudget['spec']>,
  status?: Partial<NonNullable<PodDisruptionBudget['status']>>,
  name = 'budget',
): PodDisruptionBudget => ({
  metadata: { ...metadata, name, uid: name, generation: 2 },
  spec: { selector: { matchLabels: { app: 'web' } }, ...spec },
  ...(status && {
    status: { observedGeneration: 2, disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0, ...status },
  }),
})
