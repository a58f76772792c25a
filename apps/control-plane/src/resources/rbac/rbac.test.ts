import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { KubeObject } from '@bramble/api/object'
import { mutableCopy } from '@bramble/api/object'
import type { RoleBinding } from '@bramble/api/types/rbac'
import type { ResourceDefinition } from '../../api/resource.ts'
import { clusterRoleBindings } from '../cluster-role-bindings.ts'
import { clusterRoles } from '../cluster-roles.ts'
import { roleBindings } from '../role-bindings.ts'
import { roles } from '../roles.ts'

const GROUP = 'rbac.authorization.k8s.io'
const problems = (kind: ResourceDefinition, content: object, previous?: object): readonly string[] => {
  const draft = { metadata: { name: 'x' }, ...mutableCopy(content) } as KubeObject
  const before = previous && ({ metadata: { name: 'x' }, ...previous } as KubeObject)
  kind.applyDefaults?.(draft)
  return (kind.validate?.(draft, before) ?? []).map(({ path, message }) => `${path}: ${message}`)
}
const ref = (name: string, kind = 'ClusterRole') => ({ apiGroup: GROUP, kind, name })
const subject = (kind: string, more: object = {}) => ({ kind, name: 'jane', ...more })

const cases: { name: string; kind: ResourceDefinition; content: object; previous?: object; expect: readonly string[] }[] = [
  { name: 'a role may be empty', kind: roles, content: {}, expect: [] },
  {
    name: 'a rule has verbs, groups and resources',
    kind: roles,
    content: { rules: [{ verbs: ['get'], apiGroups: [''], resources: ['pods'] }, {}] },
    expect: [
      'rules[1].verbs: Required value: verbs must contain at least one value',
      'rules[1].apiGroups: Required value: resource rules must supply at least one api group',
      'rules[1].resources: Required value: resource rules must supply at least one resource',
    ],
  },
  {
    name: 'a role in a namespace has no rights to paths',
    kind: roles,
    content: { rules: [{ verbs: ['get'], nonResourceURLs: ['/metrics'] }] },
    expect: ['rules[0].nonResourceURLs: Invalid value: ["/metrics"]: namespaced rules cannot apply to non-resource URLs'],
  },
  {
    name: 'a rule is about resources or paths',
    kind: clusterRoles,
    content: {
      rules: [
        { verbs: ['get'], apiGroups: [''], nonResourceURLs: ['/a'] },
        { verbs: ['get'], nonResourceURLs: ['/b'] },
      ],
    },
    expect: ['rules[0].nonResourceURLs: Invalid value: ["/a"]: rules cannot apply to both regular resources and non-resource URLs'],
  },
  {
    name: 'a role that gathers says which',
    kind: clusterRoles,
    content: { aggregationRule: {} },
    expect: [
      'aggregationRule.clusterRoleSelectors: Required value: at least one clusterRoleSelector required if aggregationRule is non-nil',
    ],
  },
  {
    name: 'its selectors are checked',
    kind: clusterRoles,
    content: { aggregationRule: { clusterRoleSelectors: [{ matchExpressions: [{ key: 'a', operator: 'Has' }] }] } },
    expect: ['aggregationRule.clusterRoleSelectors[0].matchExpressions[0].operator: Invalid value: "Has": not a valid selector operator'],
  },
  {
    name: 'a binding needs subjects of three kinds at most, and groups are filled in',
    kind: roleBindings,
    content: { roleRef: { kind: 'Role', name: 'r' }, subjects: [subject('User'), subject('Group'), subject('ServiceAccount')] },
    expect: [],
  },
  {
    name: 'subjects are what they say they are',
    kind: roleBindings,
    content: {
      roleRef: ref('r', 'Role'),
      subjects: [subject('Robot'), subject('User', { apiGroup: 'x' }), subject('ServiceAccount', { apiGroup: GROUP }), { kind: 'Group' }],
    },
    expect: [
      'subjects[0].kind: Unsupported value: "Robot": supported values: "Group", "ServiceAccount", "User"',
      `subjects[1].apiGroup: Unsupported value: "x": supported values: "${GROUP}"`,
      `subjects[2].apiGroup: Unsupported value: "${GROUP}": supported values: ""`,
      'subjects[3].name: Required value',
    ],
  },
  {
    name: 'a ServiceAccount has a name of its kind, and everywhere its namespace',
    kind: clusterRoleBindings,
    content: { roleRef: ref('r'), subjects: [{ kind: 'ServiceAccount', name: 'A/B', namespace: 'a' }, subject('ServiceAccount')] },
    expect: [
      `subjects[0].name: Invalid value: "A/B": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`,
      'subjects[1].namespace: Required value',
    ],
  },
  {
    name: 'a binding refers to a role',
    kind: roleBindings,
    content: { roleRef: { apiGroup: 'apps', kind: 'Deployment', name: '' } },
    expect: [
      `roleRef.apiGroup: Unsupported value: "apps": supported values: "${GROUP}"`,
      'roleRef.kind: Unsupported value: "Deployment": supported values: "ClusterRole", "Role"',
      'roleRef.name: Required value',
    ],
  },
  {
    name: 'a binding for the whole cluster refers to a ClusterRole',
    kind: clusterRoleBindings,
    content: { roleRef: ref('a/b', 'Role') },
    expect: [
      'roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole"',
      `roleRef.name: Invalid value: "a/b": may not contain '/'`,
    ],
  },
  {
    name: 'a binding without a reference is refused',
    kind: roleBindings,
    content: {},
    expect: ['roleRef.kind: Unsupported value: "": supported values: "ClusterRole", "Role"', 'roleRef.name: Required value'],
  },
  {
    name: 'subjects may change',
    kind: roleBindings,
    content: { roleRef: ref('r'), subjects: [] },
    previous: { roleRef: ref('r'), subjects: [subject('User')] },
    expect: [],
  },
  {
    name: 'the role of a binding may not',
    kind: roleBindings,
    content: { roleRef: ref('b') },
    previous: { roleRef: ref('a') },
    expect: [`roleRef: Invalid value: {"apiGroup":"${GROUP}","kind":"ClusterRole","name":"b"}: cannot change roleRef`],
  },
]
for (const { name, kind, content, previous, expect } of cases) test(name, () => assert.deepEqual(problems(kind, content, previous), expect))

test('a binding shows its role and whom it is for', () => {
  const binding = {
    metadata: { name: 'x', namespace: 'a', creationTimestamp: '2026-01-01T00:00:00Z' },
    roleRef: ref('view'),
    subjects: [subject('User'), { kind: 'User', name: 'joe' }, subject('Group'), { kind: 'ServiceAccount', name: 'robot', namespace: 'b' }],
  } as RoleBinding
  const cells = roleBindings.columns.map(({ value }) => value(binding, Date.UTC(2026, 0, 1, 0, 1)))
  assert.deepEqual(cells, ['x', 'ClusterRole/view', '60s', 'jane, joe', 'jane', 'b/robot'])
})
