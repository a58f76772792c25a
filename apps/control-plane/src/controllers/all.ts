import type { StandardSettings } from '../resources/standard-objects/standard-settings.ts'
import { agentUpgradeController } from './agent-upgrade/controller.ts'
import { apiServiceController } from './api-service/controller.ts'
import { certificateSigningController } from './certificate-signing/controller.ts'
import { clusterRoleAggregationController } from './cluster-role-aggregation/controller.ts'
import type { ControllerDefinition, Kinds } from './controller.ts'
import { customResourceDefinitionController } from './custom-resource-definition/controller.ts'
import { daemonSetController } from './daemon-set/controller.ts'
import { deploymentController } from './deployment/controller.ts'
import { disruptionController } from './disruption/controller.ts'
import { endpointSliceController } from './endpoint-slice/controller.ts'
import { ephemeralVolumeController } from './ephemeral-volume/controller.ts'
import { garbageCollector } from './garbage-collector/controller.ts'
import { kubernetesServiceController } from './kubernetes-service/controller.ts'
import { localPathProvisioner, localPathRemover } from './local-path-provisioner/controller.ts'
import { namespaceController } from './namespace/controller.ts'
import { nodeLifeCycleController } from './node-life-cycle/controller.ts'
import { claimBinder } from './persistent-volume-binder/claims-controller.ts'
import { volumeBinder } from './persistent-volume-binder/volumes-controller.ts'
import { podCidrController } from './pod-cidr/controller.ts'
import { podGarbageController } from './pod-garbage/controller.ts'
import { replicaSetController } from './replica-set/controller.ts'
import { serviceAccountTokenController } from './service-account-token/controller.ts'
import { serviceAccountController } from './service-account/controller.ts'
import { claimProtection, volumeProtection } from './volume-protection/controller.ts'

/** Every loop that the control plane runs. @param standard Where the Service `kubernetes` leads. */
export const allControllers = (kinds: Kinds, standard: StandardSettings): readonly ControllerDefinition[] => [
  deploymentController,
  replicaSetController,
  daemonSetController,
  endpointSliceController,
  nodeLifeCycleController,
  podCidrController,
  podGarbageController,
  namespaceController,
  serviceAccountController,
  claimBinder,
  volumeBinder,
  claimProtection,
  volumeProtection,
  localPathProvisioner,
  localPathRemover,
  ephemeralVolumeController,
  disruptionController,
  serviceAccountTokenController,
  certificateSigningController,
  clusterRoleAggregationController,
  kubernetesServiceController(standard),
  garbageCollector(kinds),
  customResourceDefinitionController,
  apiServiceController,
  agentUpgradeController,
]
