import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ResourceDefinition } from '../../api/resource.ts'
import { cell, METADATA, refusals, row, warnings, written } from '../testing.ts'
import { mutatingAdmissionPolicyBindings, validatingAdmissionPolicyBindings } from './admission-policy-binding.ts'
import { mutatingAdmissionPolicies } from './mutating-admission-policy.ts'
import { validatingAdmissionPolicies } from './validating-admission-policy.ts'

const matchConstraints = { resourceRules: [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] }] }
const checking = (more: object) => ({ spec: { matchConstraints, validations: [{ expression: 'true' }], ...more } })
const mutation = (more: object) => ({
  spec: {
    matchConstraints,
    reinvocationPolicy: 'Never',
    mutations: [{ patchType: 'JSONPatch', jsonPatch: { expression: '[]' }, ...more }],
  },
})
const binding = (more: object) => ({ spec: { policyName: 'p', validationActions: ['Deny'], ...more } })
const AT_LEAST_ONE = 'Required value: validations or auditAnnotations must contain at least one item'
const MUTATION = 'spec.mutations[0]'

type Case = readonly [name: string, kind: ResourceDefinition, body: object, ...expected: string[]]
const cases: readonly Case[] = [
  ['a policy', validatingAdmissionPolicies, checking({ paramKind: { apiVersion: 'v1', kind: 'ConfigMap' } })],
  [
    'a policy of nothing for nothing',
    validatingAdmissionPolicies,
    { spec: {} },
    'spec.matchConstraints: Required value',
    `spec.validations: ${AT_LEAST_ONE}`,
    `spec.auditAnnotations: ${AT_LEAST_ONE}`,
  ],
  [
    'a policy for no resource',
    validatingAdmissionPolicies,
    checking({ matchConstraints: {} }),
    'spec.matchConstraints.resourceRules: Required value',
  ],
  [
    'a policy for a name twice',
    validatingAdmissionPolicies,
    checking({ matchConstraints: { resourceRules: [{ ...matchConstraints.resourceRules[0], resourceNames: ['a', 'a', 'b/c'] }] } }),
    'spec.matchConstraints.resourceRules[0].resourceNames[1]: Duplicate value: "a"',
    `spec.matchConstraints.resourceRules[0].resourceNames[2]: Invalid value: "b/c": may not contain '/'`,
  ],
  [
    'a policy with odd parameters',
    validatingAdmissionPolicies,
    checking({ paramKind: { apiVersion: 'a/b/c' } }),
    'spec.paramKind.apiVersion: Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c',
    'spec.paramKind.kind: Required value',
  ],
  [
    'a policy with odd variables',
    validatingAdmissionPolicies,
    checking({ variables: [{ name: 'in', expression: '1' }, { name: 'a-b' }] }),
    'spec.variables[0].name: Invalid value: "in": name is not a valid CEL identifier',
    'spec.variables[1].name: Invalid value: "a-b": name is not a valid CEL identifier',
    'spec.variables[1].expression: Required value: expression is not specified',
  ],
  [
    'a policy with odd checks',
    validatingAdmissionPolicies,
    checking({ validations: [{ expression: ' ', message: 'a\nb', messageExpression: ' ', reason: 'Unauthorized' }] }),
    'spec.validations[0].expression: Required value: expression is not specified',
    'spec.validations[0].messageExpression: Invalid value: " ": must be non-empty if specified',
    'spec.validations[0].message: Invalid value: "a\\nb": message must not contain line breaks',
    'spec.validations[0].reason: Unsupported value: "Unauthorized": supported values: "Forbidden", "Invalid", "RequestEntityTooLarge"',
  ],
  [
    'a policy that notes one thing twice',
    validatingAdmissionPolicies,
    checking({ validations: [], auditAnnotations: [{ key: 'a', valueExpression: '1' }, { key: 'a' }] }),
    'spec.auditAnnotations[1].valueExpression: Required value: valueExpression is not specified',
    'spec.auditAnnotations[1].key: Duplicate value: "a"',
  ],
  ['a policy that changes', mutatingAdmissionPolicies, mutation({})],
  [
    'a policy that changes nothing',
    mutatingAdmissionPolicies,
    { spec: { matchConstraints } },
    'spec.mutations: Required value: mutations must contain at least one item',
    'spec.reinvocationPolicy: Required value',
  ],
  [
    'a policy that changes oddly',
    mutatingAdmissionPolicies,
    mutation({ patchType: 'Merge' }),
    `${MUTATION}.patchType: Unsupported value: "Merge": supported values: "ApplyConfiguration", "JSONPatch"`,
  ],
  [
    'a policy that changes in another way than it says',
    mutatingAdmissionPolicies,
    mutation({ patchType: 'ApplyConfiguration' }),
    `${MUTATION}.applyConfiguration: Required value: must be specified when patchType is ApplyConfiguration`,
    `${MUTATION}.jsonPatch: Invalid value: {"expression":"[]"}: must not be specified when patchType is ApplyConfiguration`,
  ],
  ['a binding', validatingAdmissionPolicyBindings, binding({ paramRef: { name: 'a', parameterNotFoundAction: 'Deny' } })],
  [
    'a binding of nothing',
    validatingAdmissionPolicyBindings,
    { spec: {} },
    'spec.policyName: Required value',
    'spec.validationActions: Required value: at least one validation action is required',
  ],
  [
    'a binding that does too much',
    validatingAdmissionPolicyBindings,
    binding({ validationActions: ['Deny', 'Warn', 'Deny', 'Tell'] }),
    'spec.validationActions[2]: Duplicate value: "Deny"',
    'spec.validationActions[3]: Unsupported value: "Tell": supported values: "Audit", "Deny", "Warn"',
    'spec.validationActions: Invalid value: ["Deny","Warn","Deny","Tell"]: must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)',
  ],
  [
    'a binding to parameters by name and by label',
    mutatingAdmissionPolicyBindings,
    binding({ paramRef: { name: 'a', selector: {} } }),
    'spec.paramRef.name: Forbidden: name and selector are mutually exclusive',
    'spec.paramRef.selector: Forbidden: name and selector are mutually exclusive',
    'spec.paramRef.parameterNotFoundAction: Required value',
  ],
  [
    'a binding to parameters somewhere',
    mutatingAdmissionPolicyBindings,
    binding({ paramRef: { parameterNotFoundAction: 'Ask' } }),
    'spec.paramRef: Required value: one of name or selector must be specified',
    'spec.paramRef.parameterNotFoundAction: Unsupported value: "Ask": supported values: "Allow", "Deny"',
  ],
]
for (const [name, kind, body, ...expected] of cases) test(name, () => assert.deepEqual(refusals(kind, body), expected))

test('a policy is what Kubernetes makes of it', () => {
  const { spec } = written(validatingAdmissionPolicies, checking({}))
  assert.equal(spec.failurePolicy, 'Fail')
  assert.deepEqual(spec.matchConstraints, {
    matchPolicy: 'Equivalent',
    namespaceSelector: {},
    objectSelector: {},
    resourceRules: [{ ...matchConstraints.resourceRules[0], scope: '*' }],
  })
})

test('policies and bindings are printed as Kubernetes does', () => {
  const policy = checking({ paramKind: { apiVersion: 'v1', kind: 'ConfigMap' } })
  assert.deepEqual(row(validatingAdmissionPolicies, { metadata: METADATA, ...policy }), {
    Name: 'x',
    Validations: 1,
    ParamKind: 'v1/ConfigMap',
    Age: '5m',
  })
  assert.equal(cell(mutatingAdmissionPolicies, 'Mutations', mutation({})), 1)
  const paramText = (paramRef?: object) => cell(validatingAdmissionPolicyBindings, 'ParamRef', binding(paramRef ? { paramRef } : {}))
  assert.deepEqual([paramText(), paramText({ name: 'a' }), paramText({ namespace: 'n', name: 'a' })], ['<unset>', 'a', 'n/a'])
})

test('who makes a policy hears that nobody evaluates it', () => {
  for (const kind of [validatingAdmissionPolicies, mutatingAdmissionPolicies, validatingAdmissionPolicyBindings] as ResourceDefinition[])
    assert.match(warnings(kind, {})[0]!, /does not evaluate admission policies/)
})
