import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PolicyRule } from '@bramble/api/types/rbac'
import { aUser, groupSubject, rights, userSubject } from './authorizer.fixture.ts'
import { impersonated } from './impersonate.ts'

const root = aUser('root', 'system:masters')
const headers = (text: string): (readonly [string, string])[] =>
  text
    .split('; ')
    .filter((line) => line !== '')
    .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)])

const cases: { name: string; sent: string; expect: object }[] = [
  { name: 'nobody in particular', sent: 'Accept=json', expect: root },
  { name: 'a user', sent: 'Impersonate-User=jane', expect: { name: 'jane', groups: ['system:authenticated'] } },
  {
    name: 'a user with groups, one with a comma',
    sent: 'Impersonate-User=jane; Impersonate-Group=dev; impersonate-group=a, b',
    expect: { name: 'jane', groups: ['dev', 'a, b', 'system:authenticated'] },
  },
  {
    name: 'a user whose standing is said',
    sent: 'Impersonate-User=jane; Impersonate-Group=system:authenticated; Impersonate-Group=dev',
    expect: { name: 'jane', groups: ['system:authenticated', 'dev'] },
  },
  {
    name: 'somebody who is not authenticated',
    sent: 'Impersonate-User=jane; Impersonate-Group=system:unauthenticated',
    expect: { name: 'jane', groups: ['system:unauthenticated'] },
  },
  {
    name: 'nobody',
    sent: 'Impersonate-User=system:anonymous',
    expect: { name: 'system:anonymous', groups: ['system:unauthenticated'] },
  },
  {
    name: 'a ServiceAccount, whose groups are known',
    sent: 'Impersonate-User=system:serviceaccount:a:robot',
    expect: {
      name: 'system:serviceaccount:a:robot',
      groups: ['system:serviceaccounts', 'system:serviceaccounts:a', 'system:authenticated'],
    },
  },
  {
    name: 'a ServiceAccount with other groups',
    sent: 'Impersonate-User=system:serviceaccount:a:robot; Impersonate-Group=dev',
    expect: { name: 'system:serviceaccount:a:robot', groups: ['dev', 'system:authenticated'] },
  },
  {
    name: 'a user with all that can be said',
    sent: 'Impersonate-Uid=u1; Impersonate-Extra-Scopes=view; Impersonate-Extra-Scopes=edit; Impersonate-Extra-acme.com%2fproject=x; Impersonate-User=jane',
    expect: {
      name: 'jane',
      uid: 'u1',
      groups: ['system:authenticated'],
      extra: { scopes: ['view', 'edit'], 'acme.com/project': ['x'] },
    },
  },
  {
    name: 'somebody with a key of JavaScript',
    sent: 'Impersonate-User=jane; Impersonate-Extra-__proto__=x',
    expect: { name: 'jane', groups: ['system:authenticated'], extra: Object.fromEntries([['__proto__', ['x']]]) },
  },
]
for (const { name, sent, expect } of cases)
  test(`${name} is impersonated`, async (t) => {
    const { authorizer } = await rights(t)
    assert.deepEqual(impersonated(root, headers(sent), authorizer), expect)
  })

for (const [sent, message] of [
  ['Impersonate-Group=dev', 'requested [{Group  dev    }] without impersonating a user'],
  ['Impersonate-User=; Impersonate-Uid=1', 'requested [{UID  1  authentication.k8s.io/v1  }] without impersonating a user'],
  [
    'Impersonate-Extra-Key=v; Impersonate-Group=g',
    'requested [{Group  g    } {UserExtra  v  authentication.k8s.io/v1  key}] without impersonating a user',
  ],
] as const)
  test(`${sent} without a user is refused`, async (t) => {
    const { authorizer } = await rights(t)
    assert.throws(() => impersonated(root, headers(sent), authorizer), { code: 400, reason: 'BadRequest', message })
  })

const may = (resources: string, names: string[], apiGroups = ['']): PolicyRule => ({
  verbs: ['impersonate'],
  apiGroups,
  resources: resources.split(' '),
  resourceNames: names,
})
const EXTRA = 'authentication.k8s.io'

for (const [sent, message] of [
  ['Impersonate-User=joe', undefined],
  ['Impersonate-User=joe; Impersonate-Group=dev; Impersonate-Uid=1; Impersonate-Extra-Scopes=view', undefined],
  [
    'Impersonate-User=jim',
    'users "jim" is forbidden: User "jane" cannot impersonate resource "users" in API group "" at the cluster scope',
  ],
  [
    'Impersonate-User=system:serviceaccount:a:robot',
    'serviceaccounts "robot" is forbidden: User "jane" cannot impersonate resource "serviceaccounts" in API group "" in the namespace "a"',
  ],
  [
    'Impersonate-User=joe; Impersonate-Group=system:masters',
    'groups "system:masters" is forbidden: User "jane" cannot impersonate resource "groups" in API group "" at the cluster scope',
  ],
  [
    'Impersonate-User=joe; Impersonate-Extra-Scopes=edit',
    'userextras.authentication.k8s.io "edit" is forbidden: User "jane" cannot impersonate resource "userextras/scopes" in API group "authentication.k8s.io" at the cluster scope',
  ],
  [
    'Impersonate-User=joe; Impersonate-Uid=2',
    'uids.authentication.k8s.io "2" is forbidden: User "jane" cannot impersonate resource "uids" in API group "authentication.k8s.io" at the cluster scope',
  ],
] as const)
  test(`who may impersonate some ${message === undefined ? 'does' : 'does no more'}: ${sent}`, async (t) => {
    const { authorizer, clusterRole, bindCluster } = await rights(t)
    await clusterRole(
      'impersonator',
      may('users', ['joe']),
      may('groups', ['dev']),
      may('uids', ['1'], [EXTRA]),
      may('userextras/scopes', ['view'], [EXTRA]),
    )
    await bindCluster('x', 'impersonator', userSubject('jane'), groupSubject('other'))
    const impersonate = () => impersonated(aUser('jane'), headers(sent), authorizer)
    if (message === undefined) assert.equal(impersonate().name, 'joe')
    else assert.throws(impersonate, { code: 403, reason: 'Forbidden', message })
  })
