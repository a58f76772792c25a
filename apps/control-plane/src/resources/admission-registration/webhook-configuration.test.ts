import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RuleWithOperations, Webhook } from '@bramble/api/types/admission-registration'
import { cell, refusals, warnings, written } from '../testing.ts'
import { mutatingWebhookConfigurations, validatingWebhookConfigurations } from './webhook-configuration.ts'

const webhook: Webhook = {
  name: 'pods.example.com',
  clientConfig: { service: { namespace: 'default', name: 'web' } },
  rules: [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] }],
  sideEffects: 'None',
  admissionReviewVersions: ['v1'],
}
const one = (more: Partial<Webhook> = {}) => ({ webhooks: [{ ...webhook, ...more }] })
const rule = (more: RuleWithOperations) => one({ rules: [{ ...webhook.rules![0], ...more }] })
const at = (clientConfig: Webhook['clientConfig'] & object) => one({ clientConfig })

const W = 'webhooks[0]'
const RULE = `${W}.rules[0]`
const URL = `${W}.clientConfig.url`
const FORM = '; desired format: https://host[/path]'

const cases: readonly (readonly [name: string, body: object, ...expected: string[]])[] = [
  ['of a Service', one()],
  ['of a URL', at({ url: 'https://hooks.example.com:8443/pods' })],
  ['of none', {}],
  ['without a name', one({ name: '' }), `${W}.name: Required value`],
  [
    'with a short name',
    one({ name: 'pods.com' }),
    `${W}.name: Invalid value: "pods.com": should be a domain with at least three segments separated by dots`,
  ],
  ['that is reached nowhere', at({}), `${W}.clientConfig: Required value: exactly one of url or service is required`],
  ['without encryption', at({ url: 'http://a.example' }), `${URL}: Invalid value: "http": 'https' is the only allowed URL scheme${FORM}`],
  ['at no host', at({ url: 'https:///x' }), `${URL}: Invalid value: "": host must be specified${FORM}`],
  [
    'with more in its URL',
    at({ url: 'https://me:pw@a.example/x?y=1#z' }),
    `${URL}: Invalid value: "me:pw": user information is not permitted in the URL`,
    `${URL}: Invalid value: "z": fragments are not permitted in the URL`,
    `${URL}: Invalid value: "y=1": query parameters are not permitted in the URL`,
  ],
  [
    'of a Service without a name at a strange path',
    at({ service: { namespace: 'a', path: 'x//y', port: 0 } }),
    `${W}.clientConfig.service.name: Required value`,
    `${W}.clientConfig.service.port: Invalid value: 0: port is not valid: must be between 1 and 65535, inclusive`,
    `${W}.clientConfig.service.path: Invalid value: "x//y": must start with a '/'`,
    `${W}.clientConfig.service.path: Invalid value: "x//y": segment[0] may not be empty`,
    `${W}.clientConfig.service.path: Invalid value: "x//y": segment[1] may not be empty`,
  ],
  [
    'that does not say what it does',
    one({ sideEffects: undefined } as object),
    `${W}.sideEffects: Required value: must specify one of None, NoneOnDryRun`,
  ],
  [
    'that does something else',
    one({ sideEffects: 'Some' }),
    `${W}.sideEffects: Unsupported value: "Some": supported values: "None", "NoneOnDryRun"`,
  ],
  [
    'that speaks no version',
    one({ admissionReviewVersions: [] }),
    `${W}.admissionReviewVersions: Required value: must specify one of v1, v1beta1`,
  ],
  [
    'that speaks a version of its own, twice',
    one({ admissionReviewVersions: ['v2', 'v2'] }),
    `${W}.admissionReviewVersions[1]: Invalid value: "v2": duplicate version`,
    `${W}.admissionReviewVersions: Invalid value: ["v2","v2"]: must include at least one of v1, v1beta1`,
  ],
  [
    'that takes its time',
    one({ timeoutSeconds: 31 }),
    `${W}.timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds`,
  ],
  ['that fails oddly', one({ failurePolicy: 'Wait' }), `${W}.failurePolicy: Unsupported value: "Wait": supported values: "Fail", "Ignore"`],
  [
    'with a condition without content',
    one({ matchConditions: [{ name: 'a', expression: ' ' }] }),
    `${W}.matchConditions[0].expression: Required value`,
  ],
  [
    'for nothing',
    rule({ operations: [], apiGroups: [], apiVersions: [], resources: [] }),
    `${RULE}.operations: Required value`,
    `${RULE}.apiGroups: Required value`,
    `${RULE}.apiVersions: Required value`,
    `${RULE}.resources: Required value`,
  ],
  [
    'for everything and more',
    rule({ operations: ['*', 'CREATE'], apiGroups: ['*', ''], apiVersions: ['*', 'v1'], resources: ['*', 'pods'] }),
    `${RULE}.operations: Invalid value: ["*","CREATE"]: if '*' is present, must not specify other operations`,
    `${RULE}.apiGroups: Invalid value: ["*",""]: if '*' is present, must not specify other API groups`,
    `${RULE}.apiVersions: Invalid value: ["*","v1"]: if '*' is present, must not specify other API versions`,
    `${RULE}.resources: Invalid value: ["*","pods"]: if '*' is present, must not specify other resources without subresources`,
  ],
  [
    'for parts that it names twice',
    rule({ resources: ['pods/*', 'pods/log', '*/scale', 'deployments/scale'] }),
    `${RULE}.resources[1]: Invalid value: "pods/log": if 'pods/*' is present, must not specify pods/log`,
    `${RULE}.resources[3]: Invalid value: "deployments/scale": if '*/scale' is present, must not specify deployments/scale`,
  ],
  [
    'for odd operations',
    rule({ operations: ['READ'] }),
    `${RULE}.operations[0]: Unsupported value: "READ": supported values: "*", "CONNECT", "CREATE", "DELETE", "UPDATE"`,
  ],
  ['for an odd scope', rule({ scope: 'Node' }), `${RULE}.scope: Unsupported value: "Node": supported values: "*", "Cluster", "Namespaced"`],
  ['twice', { webhooks: [webhook, webhook] }, 'webhooks[1].name: Duplicate value: "pods.example.com"'],
]
for (const kind of [validatingWebhookConfigurations, mutatingWebhookConfigurations])
  for (const [name, body, ...expected] of cases)
    test(`a ${kind.kind} with a webhook ${name}`, () => assert.deepEqual(refusals(kind, body), expected))

test('a webhook is what Kubernetes makes of it', () => {
  const defaults = {
    failurePolicy: 'Fail',
    matchPolicy: 'Equivalent',
    namespaceSelector: {},
    objectSelector: {},
    timeoutSeconds: 10,
    clientConfig: { service: { namespace: 'default', name: 'web', port: 443 } },
    rules: [{ ...webhook.rules![0], scope: '*' }],
  }
  assert.deepEqual(written(validatingWebhookConfigurations, one()).webhooks, [{ ...webhook, ...defaults }])
  assert.deepEqual(written(mutatingWebhookConfigurations, one()).webhooks, [{ ...webhook, ...defaults, reinvocationPolicy: 'Never' }])
})

test('webhooks are counted, and who registers them hears that nobody calls them', () => {
  assert.equal(cell(mutatingWebhookConfigurations, 'Webhooks', one()), 1)
  assert.deepEqual(warnings(validatingWebhookConfigurations, one()), [
    'Bramble does not call admission webhooks: this configuration has no effect',
  ])
  assert.deepEqual(warnings(validatingWebhookConfigurations, {}), [])
})
