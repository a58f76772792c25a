import type { Deployment, ReplicaSet } from '@bramble/api/types/workload'
import { DESIRED_REPLICAS, MAX_REPLICAS, REVISION } from './replica-sets.ts'

// Builders that make a test case fit on a line.

export const template = (image: string) => ({ metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image }] } })

export interface DeploymentWish {
  readonly replicas?: number
  readonly image?: string
  readonly surge?: number | string
  readonly unavailable?: number | string
  readonly strategy?: 'RollingUpdate' | 'Recreate'
  readonly paused?: boolean
  readonly historyLimit?: number
  readonly deadlineSeconds?: number
  readonly annotations?: Record<string, string>
}

export const aDeployment = ({
  replicas = 3,
  image = 'v2',
  surge = '25%',
  unavailable = '25%',
  strategy = 'RollingUpdate',
  paused,
  historyLimit,
  deadlineSeconds,
  annotations,
}: DeploymentWish = {}): Deployment => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: {
    name: 'web',
    namespace: 'default',
    uid: 'web',
    resourceVersion: '1',
    generation: 1,
    creationTimestamp: '2026-01-01T00:00:00Z',
    ...(annotations && { annotations }),
  },
  spec: {
    replicas,
    selector: { matchLabels: { app: 'web' } },
    template: template(image),
    strategy:
      strategy === 'Recreate' ? { type: strategy } : { type: strategy, rollingUpdate: { maxSurge: surge, maxUnavailable: unavailable } },
    ...(paused !== undefined && { paused }),
    ...(historyLimit !== undefined && { revisionHistoryLimit: historyLimit }),
    ...(deadlineSeconds !== undefined && { progressDeadlineSeconds: deadlineSeconds }),
  },
})

/**
 * `v1:3` three wanted, made and available; `v1:3/1` one of three available; `#4` its revision (default: the digit of the
 * image); `=5+1` it was sized for 5 replicas and a surge of 1.
 */
export function aSet(text: string, deployment = aDeployment()): ReplicaSet {
  const match = /^(v(\d+)):(\d+)(?:\/(\d+))?(?:#(\d+))?(?:=(\d+)\+(\d+))?$/.exec(text)
  if (!match) throw new Error(`not a replica set: ${text}`)
  const [, image, digit, size, available = size, revision = digit, desired = String(deployment.spec.replicas), surge = '1'] = match
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `web-${image}`,
      namespace: 'default',
      uid: `web-${image}`,
      resourceVersion: '1',
      generation: 1,
      creationTimestamp: `2026-01-01T00:00:${digit!.padStart(2, '0')}Z`,
      annotations: { [REVISION]: revision!, [DESIRED_REPLICAS]: desired, [MAX_REPLICAS]: String(Number(desired) + Number(surge)) },
      ownerReferences: [{ apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', uid: 'web', controller: true }],
    },
    spec: { replicas: Number(size), selector: { matchLabels: { app: 'web' } }, template: template(image!) },
    status: { replicas: Number(size), readyReplicas: Number(available), availableReplicas: Number(available), observedGeneration: 1 },
  }
}
