import { duplicate, invalidValue, notSupported, required } from '@bramble/api/field-error'
import type { FieldError } from '@bramble/api/field-error'
import type { Webhook, WebhookConfiguration } from '@bramble/api/types/admission-registration'
import type { ResourceDefinition } from '../../api/resource.ts'
import { ageColumn, nameColumn } from '../columns.ts'
import { dns1035Label, fullyQualifiedName } from '../name-rules.ts'
import { validateSelector } from '../selector.ts'
import { validateClientConfig } from './validate-client-config.ts'
import {
  FAILURE_POLICIES,
  MATCH_POLICIES,
  REINVOCATION_POLICIES,
  supported,
  validateMatchConditions,
  validateRule,
} from './validate-rules.ts'

type Sort = 'Validating' | 'Mutating'

const webhookConfigurations = (sort: Sort): ResourceDefinition<WebhookConfiguration> => ({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: `${sort}WebhookConfiguration`,
  plural: `${sort.toLowerCase()}webhookconfigurations`,
  categories: ['api-extensions'],
  scope: 'Cluster',
  durability: 'durable',
  schema: { type: 'ref', ref: `io.k8s.api.admissionregistration.v1.${sort}WebhookConfiguration` },
  columns: [nameColumn, { name: 'Webhooks', type: 'integer', value: ({ webhooks = [] }) => webhooks.length }, ageColumn],
  applyDefaults: ({ webhooks = [] }) => {
    for (const webhook of webhooks) applyWebhookDefaults(webhook, sort)
  },
  validate: ({ webhooks = [] }) => webhooks.flatMap((webhook, index) => validateWebhook(webhook, webhooks, index)),
  warnings: ({ webhooks = [] }) =>
    webhooks.length === 0 ? [] : ['Bramble does not call admission webhooks: this configuration has no effect'],
})

export const validatingWebhookConfigurations = webhookConfigurations('Validating')
export const mutatingWebhookConfigurations = webhookConfigurations('Mutating')

const TIMEOUT_SECONDS = 10
const HTTPS_PORT = 443

/** Source: Kubernetes pkg/apis/admissionregistration/v1 defaults.go. */
function applyWebhookDefaults(webhook: Webhook, sort: Sort): void {
  webhook.failurePolicy ??= 'Fail'
  webhook.matchPolicy ??= 'Equivalent'
  webhook.namespaceSelector ??= {}
  webhook.objectSelector ??= {}
  webhook.timeoutSeconds ??= TIMEOUT_SECONDS
  if (sort === 'Mutating') webhook.reinvocationPolicy ??= 'Never'
  for (const rule of webhook.rules ?? []) rule.scope ??= '*'
  if (webhook.clientConfig?.service) webhook.clientConfig.service.port ??= HTTPS_PORT
}

const SIDE_EFFECTS = ['None', 'NoneOnDryRun']
const TIMEOUT_SECONDS_MAX = 30

/** Source: Kubernetes pkg/apis/admissionregistration/validation validateMutatingWebhook. */
function validateWebhook(webhook: Webhook, all: readonly Webhook[], index: number): readonly FieldError[] {
  const path = `webhooks[${index}]`
  const { name, rules = [], sideEffects, timeoutSeconds = TIMEOUT_SECONDS } = webhook
  return [
    ...fullyQualifiedName(`${path}.name`, name),
    ...rules.flatMap((rule, at) => validateRule(rule, `${path}.rules[${at}]`)),
    ...supported(`${path}.failurePolicy`, webhook.failurePolicy, FAILURE_POLICIES),
    ...supported(`${path}.matchPolicy`, webhook.matchPolicy, MATCH_POLICIES),
    ...(sideEffects === undefined ? [required(`${path}.sideEffects`, `must specify one of ${SIDE_EFFECTS.join(', ')}`)] : []),
    ...(sideEffects === undefined || SIDE_EFFECTS.includes(sideEffects)
      ? []
      : [notSupported(`${path}.sideEffects`, sideEffects, SIDE_EFFECTS)]),
    ...(timeoutSeconds >= 1 && timeoutSeconds <= TIMEOUT_SECONDS_MAX
      ? []
      : [invalidValue(`${path}.timeoutSeconds`, timeoutSeconds, 'the timeout value must be between 1 and 30 seconds')]),
    ...validateSelector(webhook.namespaceSelector, `${path}.namespaceSelector`),
    ...validateSelector(webhook.objectSelector, `${path}.objectSelector`),
    ...supported(`${path}.reinvocationPolicy`, webhook.reinvocationPolicy, REINVOCATION_POLICIES),
    ...validateClientConfig(webhook.clientConfig ?? {}, `${path}.clientConfig`),
    ...validateMatchConditions(webhook.matchConditions, `${path}.matchConditions`),
    ...validateReviewVersions(webhook.admissionReviewVersions ?? [], `${path}.admissionReviewVersions`),
    ...(name && all.findIndex((other) => other.name === name) < index ? [duplicate(`${path}.name`, name)] : []),
  ]
}

const REVIEW_VERSIONS = ['v1', 'v1beta1']

function validateReviewVersions(versions: readonly string[], path: string): readonly FieldError[] {
  if (versions.length === 0) return [required(path, `must specify one of ${REVIEW_VERSIONS.join(', ')}`)]
  return [
    ...versions.flatMap((version, index) =>
      versions.indexOf(version) < index
        ? [invalidValue(`${path}[${index}]`, version, 'duplicate version')]
        : dns1035Label(version).map((fault) => invalidValue(`${path}[${index}]`, version, fault)),
    ),
    ...(versions.some((version) => REVIEW_VERSIONS.includes(version))
      ? []
      : [invalidValue(path, versions, `must include at least one of ${REVIEW_VERSIONS.join(', ')}`)]),
  ]
}
