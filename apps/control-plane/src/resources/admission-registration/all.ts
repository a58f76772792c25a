import type { ResourceDefinition } from '../../api/resource.ts'
import { mutatingAdmissionPolicyBindings, validatingAdmissionPolicyBindings } from './admission-policy-binding.ts'
import { mutatingAdmissionPolicies } from './mutating-admission-policy.ts'
import { validatingAdmissionPolicies } from './validating-admission-policy.ts'
import { mutatingWebhookConfigurations, validatingWebhookConfigurations } from './webhook-configuration.ts'

/** admissionregistration.k8s.io */
export const admissionRegistrationResources: readonly ResourceDefinition[] = [
  mutatingAdmissionPolicies,
  mutatingAdmissionPolicyBindings,
  mutatingWebhookConfigurations,
  validatingAdmissionPolicies,
  validatingAdmissionPolicyBindings,
  validatingWebhookConfigurations,
]
