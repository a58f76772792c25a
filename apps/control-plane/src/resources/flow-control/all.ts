import type { ResourceDefinition } from '../../api/resource.ts'
import { flowSchemas } from './flow-schema.ts'
import { priorityLevelConfigurations } from './priority-level-configuration.ts'

/** flowcontrol.apiserver.k8s.io */
export const flowControlResources: readonly ResourceDefinition[] = [flowSchemas, priorityLevelConfigurations]
