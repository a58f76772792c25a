import type { KubeObject } from '@bramble/api/object'
import type { ComponentStatus } from '@bramble/api/types/core'
import type { ResourceDefinition } from '../api/resource.ts'
import { nameColumn } from './columns.ts'

/** How the parts of the control plane are. Nothing of it is stored: each answer is made when it is asked for. */
export const componentStatuses: ResourceDefinition<ComponentStatus> = {
  group: '',
  version: 'v1',
  kind: 'ComponentStatus',
  plural: 'componentstatuses',
  shortNames: ['cs'],
  scope: 'Cluster',
  durability: 'volatile',
  verbs: ['get', 'list'],
  deprecation: 'v1 ComponentStatus is deprecated in v1.19+',
  schema: { type: 'ref', ref: 'io.k8s.api.core.v1.ComponentStatus' },
  columns: [
    nameColumn,
    { name: 'Status', type: 'string', value: (component) => HEALTH[healthOf(component)?.status ?? 'Unknown'] },
    { name: 'Message', type: 'string', value: (component) => healthOf(component)?.message ?? '' },
    { name: 'Error', type: 'string', value: (component) => healthOf(component)?.error ?? '' },
  ],
}

const HEALTH = { True: 'Healthy', False: 'Unhealthy', Unknown: 'Unknown' } as const

const healthOf = ({ conditions }: ComponentStatus) => conditions?.find(({ type }) => type === 'Healthy')

/** @param wrong What is wrong with it; undefined when nothing is. */
export const componentStatus = (name: string, wrong: string | undefined): KubeObject =>
  ({
    apiVersion: 'v1',
    kind: 'ComponentStatus',
    metadata: { name },
    conditions: [{ type: 'Healthy', status: wrong === undefined ? 'True' : 'False', message: wrong ?? 'ok' }],
  }) as unknown as KubeObject
