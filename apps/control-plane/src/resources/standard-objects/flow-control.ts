import { conditionOf } from '@bramble/api/conditions'
import type { ApiClient } from '../../api/client.ts'
import { flowSchemas } from '../flow-control/flow-schema.ts'
import { MANDATORY_FLOW_SCHEMAS, MANDATORY_PRIORITY_LEVELS } from '../flow-control/mandatory.ts'
import { priorityLevelConfigurations } from '../flow-control/priority-level-configuration.ts'
import { ensureAsWanted, ensurePresent } from './ensure.ts'

/** Source: Kubernetes pkg/registry/flowcontrol/ensurer: the server owns the spec. */
const ANNOTATIONS = { 'apf.kubernetes.io/autoupdate-spec': 'true' }

/** What every API server has. The shares of the exempt level may be changed, and stay changed. */
export async function ensureFlowControl(client: ApiClient): Promise<void> {
  for (const [name, spec] of Object.entries(MANDATORY_PRIORITY_LEVELS))
    await ensurePresent(client, priorityLevelConfigurations, { metadata: { name, annotations: ANNOTATIONS }, spec })
  for (const [name, spec] of Object.entries(MANDATORY_FLOW_SCHEMAS)) {
    await ensureAsWanted(client, flowSchemas, { metadata: { name, annotations: ANNOTATIONS }, spec })
    await ensureLevelFound(client, name)
  }
}

async function ensureLevelFound(client: ApiClient, name: string): Promise<void> {
  const schema = client.get(flowSchemas, name)
  if (!schema || conditionOf(schema.status?.conditions, 'Dangling')?.status === 'False') return
  const level = schema.spec.priorityLevelConfiguration?.name
  const found = {
    type: 'Dangling',
    status: 'False',
    reason: 'Found',
    message: `This FlowSchema references the PriorityLevelConfiguration object named ${JSON.stringify(level)} and it exists`,
    lastTransitionTime: schema.metadata.creationTimestamp,
  }
  await client.patch(flowSchemas, name, { status: { conditions: [found] } }, 'status')
}
