import type { ResourceDefinition } from '../api/resource.ts'
import type { ControllerDefinition } from './controller.ts'
import { daemonSetController } from './daemon-set/controller.ts'
import { deploymentController } from './deployment/controller.ts'
import { endpointSliceController } from './endpoint-slice/controller.ts'
import { garbageCollector } from './garbage-collector/controller.ts'
import { namespaceController } from './namespace/controller.ts'
import { nodeLifeCycleController } from './node-life-cycle/controller.ts'
import { podCidrController } from './pod-cidr/controller.ts'
import { podGarbageController } from './pod-garbage/controller.ts'
import { replicaSetController } from './replica-set/controller.ts'
import { serviceAccountController } from './service-account/controller.ts'

/** Every loop that the control plane runs. @param kinds All that are stored. */
export const allControllers = (kinds: readonly ResourceDefinition[]): readonly ControllerDefinition[] => [
  deploymentController,
  replicaSetController,
  daemonSetController,
  endpointSliceController,
  nodeLifeCycleController,
  podCidrController,
  podGarbageController,
  namespaceController(kinds),
  serviceAccountController,
  garbageCollector(kinds),
]
