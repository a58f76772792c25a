import type { Node } from '@bramble/api/types/node'
import type { Pod, PodSpec, TaintEffect } from '@bramble/api/types/pod'
import type { DaemonSet, IntOrString } from '@bramble/api/types/workload'
import { REVISION_HASH } from '../revision-history.ts'

// Builders that make a test case fit on a line.

export const NOW_MS = Date.UTC(2026, 0, 1, 1)

export interface DaemonWish {
  readonly unavailable?: IntOrString
  readonly surge?: IntOrString
  readonly onDelete?: boolean
  readonly spec?: Partial<PodSpec>
}

export const aSet = ({ unavailable, surge, onDelete, spec }: DaemonWish = {}): DaemonSet => ({
  apiVersion: 'apps/v1',
  kind: 'DaemonSet',
  metadata: {
    name: 'log',
    namespace: 'default',
    uid: 'log',
    resourceVersion: '1',
    generation: 2,
    creationTimestamp: '2026-01-01T00:00:00Z',
  },
  spec: {
    selector: { matchLabels: { app: 'log' } },
    template: { metadata: { labels: { app: 'log' } }, spec: { containers: [], ...spec } },
    updateStrategy: onDelete
      ? { type: 'OnDelete' }
      : { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: unavailable ?? (surge ? 0 : 1), maxSurge: surge ?? 0 } },
  },
})

/** `a`; `a:gpu` tainted NoSchedule; `a:gpu!` NoExecute; `a#ssd` labelled disk=ssd; `a~` offline for long; `a~5` for 5 seconds. */
export function aNode(text: string): Node {
  const [, name, taint, execute, disk, offline, seconds] = /^(\w)(?::(\w+)(!?))?(?:#(\w+))?(?:(~)(\d+)?)?$/.exec(text)!
  const effect: TaintEffect = execute ? 'NoExecute' : 'NoSchedule'
  return {
    metadata: { name: name!, uid: name!, resourceVersion: '1', creationTimestamp: '', ...(disk && { labels: { disk } }) },
    spec: { ...(taint && { taints: [{ key: taint, effect }] }) },
    status: {
      conditions: [
        {
          type: 'Ready',
          status: offline ? 'Unknown' : 'True',
          lastTransitionTime: new Date(NOW_MS - Number(seconds ?? 3600) * 1000).toISOString(),
        },
      ],
    },
  }
}

/** `a:p1` runs on a, available, of the old revision; `a:p1*` of the present one; `?` not ready; `…` not bound; `!` leaving; `x` failed. */
export function aPod(text: string): Pod {
  const [, node, name, marks] = /^(\w):(\w+?\d+)([*?…!x]*)$/.exec(text)!
  const has = (mark: string): boolean => marks!.includes(mark)
  const matchFields = [{ key: 'metadata.name', operator: 'In' as const, values: [node!] }]
  return {
    metadata: {
      name: name!,
      namespace: 'default',
      uid: name!,
      resourceVersion: '1',
      creationTimestamp: '2026-01-01T00:00:00Z',
      labels: { app: 'log', [REVISION_HASH]: has('*') ? 'new' : 'old' },
      ...(has('!') && { deletionTimestamp: '2026-01-01T00:00:00Z' }),
    },
    spec: {
      containers: [],
      ...(!has('…') && { nodeName: node! }),
      affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchFields }] } } },
    },
    status: {
      phase: has('x') ? 'Failed' : 'Running',
      conditions: [
        { type: 'Ready', status: has('?') || has('…') || has('x') ? 'False' : 'True', lastTransitionTime: '2026-01-01T00:00:00Z' },
      ],
    },
  }
}
