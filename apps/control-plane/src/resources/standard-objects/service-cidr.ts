import { isConditionTrue } from '@bramble/api/conditions'
import { isReason } from '@bramble/api/status-error'
import type { ApiClient } from '../../api/client.ts'
import { blockText, parseBlock } from '../ip-block.ts'
import { CLUSTER_SERVICE_CIDR, serviceCidrs } from '../networking/service-cidr.ts'
import { isSame } from '../differences.ts'
import { ensurePresent } from './ensure.ts'
import type { StandardSettings } from './standard-settings.ts'

/** Says where the addresses of Services come from. Its network cannot change: with another setting it is made anew. */
export async function ensureServiceCidr(client: ApiClient, { serviceNetwork }: StandardSettings): Promise<void> {
  const cidrs = [blockText(parseBlock(serviceNetwork)!)]
  const before = client.get(serviceCidrs, CLUSTER_SERVICE_CIDR)
  if (before && !isSame(before.spec.cidrs, cidrs)) await remove(client, before.metadata.uid)
  await ensurePresent(client, serviceCidrs, { metadata: { name: CLUSTER_SERVICE_CIDR }, spec: { cidrs } })

  const current = client.get(serviceCidrs, CLUSTER_SERVICE_CIDR)
  if (!current || isConditionTrue(current.status?.conditions, 'Ready')) return
  const ready = {
    type: 'Ready',
    status: 'True',
    reason: '',
    message: 'Kubernetes default Service CIDR is ready',
    lastTransitionTime: current.metadata.creationTimestamp,
  }
  await client.patch(serviceCidrs, CLUSTER_SERVICE_CIDR, { status: { conditions: [ready] } }, 'status')
}

async function remove(client: ApiClient, uid: string): Promise<void> {
  try {
    await client.delete(serviceCidrs, CLUSTER_SERVICE_CIDR, { uid })
  } catch (error) {
    if (!isReason(error, 'NotFound', 'Conflict')) throw error // another control plane did the same
  }
}
