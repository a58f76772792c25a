import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seeded } from '@bramble/reconcile/sim/seeded'
import type { PolicyRule, RoleBinding, Subject } from '@bramble/api/types/rbac'
import type { UserInfo } from '../api/requests.ts'
import { ruleAllows } from '../auth/rule-allows.ts'
import type { Attributes } from '../auth/attributes.ts'
import { clusterRoleBindings } from '../resources/cluster-role-bindings.ts'
import { clusterRoles } from '../resources/cluster-roles.ts'
import { configMaps } from '../resources/config-map.ts'
import { roleBindings } from '../resources/role-bindings.ts'
import { roles } from '../resources/roles.ts'
import { accessApi } from './access.fixture.ts'

const SEEDS = 12
const REQUESTS = 40
const AUTHORIZATION = '/apis/authorization.k8s.io/v1'
const RBAC = 'rbac.authorization.k8s.io'

type Random = ReturnType<typeof seeded>
const pick = <T>(random: Random, values: readonly T[]): T => values[Math.floor(random() * values.length)]!
const some = (random: Random, ...values: readonly string[]): string[] => {
  const chosen = values.filter(() => random() < 0.45)
  return chosen.length > 0 ? chosen : [pick(random, values)]
}

const anyRule = (random: Random, inNamespace: boolean): PolicyRule =>
  !inNamespace && random() < 0.3
    ? { verbs: some(random, 'get', '*', 'post'), nonResourceURLs: some(random, '/metrics', '/api*', '/version', '*') }
    : {
        verbs: some(random, 'get', 'list', 'watch', 'create', 'update', 'patch', 'delete', 'deletecollection', '*'),
        apiGroups: some(random, '', 'apps', '*'),
        resources: some(random, 'configmaps', 'pods', 'pods/log', 'deployments', 'deployments/scale', '*/scale', 'namespaces', '*'),
        ...(random() < 0.25 && { resourceNames: some(random, 'x', 'y') }),
      }

const USERS: readonly UserInfo[] = [
  { name: 'jane', groups: ['dev', 'system:authenticated'] },
  { name: 'system:serviceaccount:a:robot', groups: ['system:serviceaccounts', 'system:serviceaccounts:a', 'system:authenticated'] },
  { name: 'system:anonymous', groups: ['system:unauthenticated'] },
  { name: 'root', groups: ['system:masters', 'system:authenticated'] },
]
const anySubject = (random: Random): Subject =>
  pick(random, [
    { kind: 'User', apiGroup: RBAC, name: 'jane' },
    { kind: 'Group', apiGroup: RBAC, name: 'dev' },
    { kind: 'Group', apiGroup: RBAC, name: 'system:serviceaccounts:a' },
    { kind: 'Group', apiGroup: RBAC, name: 'system:unauthenticated' },
    { kind: 'ServiceAccount', name: 'robot', namespace: 'a' },
    { kind: 'User', apiGroup: RBAC, name: 'nobody' },
  ])

async function giveRights({ client }: Awaited<ReturnType<typeof accessApi>>, random: Random): Promise<void> {
  for (let index = 0; index < 4; index++) {
    const name = `r-${index}`
    const rules = (inNamespace: boolean) => Array.from({ length: Math.floor(random() * 3) }, () => anyRule(random, inNamespace))
    await client.create(clusterRoles, { metadata: { name }, rules: rules(false) })
    const namespace = pick(random, ['a', 'b'])
    await client.create(roles, { metadata: { name, namespace }, rules: rules(true) })
    const subjects = [anySubject(random), anySubject(random)]
    const roleRef = (kind: string) => ({ apiGroup: RBAC, kind, name: random() < 0.9 ? name : 'gone' })
    if (random() < 0.5)
      await client.create<RoleBinding>(clusterRoleBindings, { metadata: { name }, roleRef: roleRef('ClusterRole'), subjects })
    const kind = pick(random, ['Role', 'ClusterRole'])
    await client.create<RoleBinding>(roleBindings, { metadata: { name, namespace }, roleRef: roleRef(kind), subjects })
  }
}

async function letEveryoneAsk({ client }: Awaited<ReturnType<typeof accessApi>>): Promise<void> {
  const subjects = ['system:unauthenticated', 'system:authenticated'].map((name) => ({ kind: 'Group', apiGroup: RBAC, name }))
  await client.patch(clusterRoleBindings, 'system:basic-user', { subjects })
}

/** A request, and what it is about as a review puts it. */
interface Trial {
  readonly method: string
  readonly path: string
  readonly what: Attributes
}

const VERBS = {
  list: { method: 'GET', named: false, query: '' },
  deletecollection: { method: 'DELETE', named: false, query: '?dryRun=All' },
  create: { method: 'POST', named: false, query: '?dryRun=All' },
  get: { method: 'GET', named: true, query: '' },
  update: { method: 'PUT', named: true, query: '?dryRun=All' },
  patch: { method: 'PATCH', named: true, query: '?dryRun=All' },
  delete: { method: 'DELETE', named: true, query: '?dryRun=All' },
} as const

function anyTrial(random: Random): Trial {
  if (random() < 0.15) {
    const path = pick(random, ['/metrics', '/version', '/api', '/apis', '/apis/apps', '/nonsense', '/livez'])
    return { method: 'GET', path, what: { type: 'path', verb: 'get', path } }
  }
  const [group, plural, subresource] = pick(random, [
    ['', 'configmaps'],
    ['', 'pods'],
    ['', 'pods', 'log'],
    ['apps', 'deployments'],
    ['apps', 'deployments', 'scale'],
    ['', 'nosuchthings'],
  ] as const)
  const all = Object.keys(VERBS) as (keyof typeof VERBS)[]
  const verb = subresource === undefined ? pick(random, all) : 'get'
  const { method, named, query } = VERBS[verb]
  const namespace = verb === 'list' && random() < 0.3 ? undefined : pick(random, ['a', 'b'])
  const name = named ? pick(random, ['x', 'y']) : undefined
  const root = group === '' ? '/api/v1' : `/apis/${group}/v1`
  const parts = [root, ...(namespace === undefined ? [] : ['namespaces', namespace]), plural, name, subresource]
  return {
    method,
    path: `${parts.filter((part) => part !== undefined).join('/')}${query}`,
    what: {
      type: 'resource',
      verb,
      group,
      plural,
      ...(subresource !== undefined && { subresource }),
      ...(namespace !== undefined && { namespace }),
      ...(name !== undefined && { name }),
    },
  }
}

const specOf = (what: Attributes): object =>
  what.type === 'path'
    ? { nonResourceAttributes: { verb: what.verb, path: what.path } }
    : { resourceAttributes: { ...what, type: undefined, plural: undefined, resource: what.plural } }

test('what a review says is what happens', async (t) => {
  let allowedCount = 0
  let refusedCount = 0
  for (let seed = 1; seed <= SEEDS; seed++) {
    const random = seeded(seed)
    const api = await accessApi(t)
    await giveRights(api, random)
    for (const name of ['x', 'y'])
      for (const namespace of ['a', 'b']) await api.client.create(configMaps, { metadata: { name, namespace } })
    const everyone = { kind: 'Group', apiGroup: RBAC, name: 'system:unauthenticated' }
    await api.client.patch(clusterRoleBindings, 'system:basic-user', {
      subjects: [everyone, { ...everyone, name: 'system:authenticated' }],
    })

    for (let index = 0; index < REQUESTS; index++) {
      const user = pick(random, USERS)
      const { method, path, what } = anyTrial(random)
      const note = `seed ${seed}: ${user.name} ${method} ${path}`
      const { allowed } = api.authorizer.authorize(user, what)
      const review = await api.as(user, 'POST', `${AUTHORIZATION}/selfsubjectaccessreviews`, { spec: specOf(what) })
      assert.equal(review.json.status.allowed, allowed, `${note}: review of oneself`)
      const { name, groups } = user
      const other = await api.asAdmin('POST', `${AUTHORIZATION}/subjectaccessreviews`, { spec: { user: name, groups, ...specOf(what) } })
      assert.equal(other.json.status.allowed, allowed, `${note}: review by another`)

      const headers = { 'content-type': method === 'PATCH' ? 'application/merge-patch+json' : 'application/json' }
      const body = method === 'POST' || method === 'PUT' || method === 'PATCH' ? {} : undefined
      const answer = await api.as(user, method, path, body, headers)
      const isRefused = answer.status === 403
      assert.equal(isRefused, !allowed, `${note}: ${answer.status} ${answer.text}`)
      assert.ok(answer.status < 500, note)
      if (isRefused) refusedCount++
      else allowedCount++
    }
  }
  assert.ok(allowedCount > 50 && refusedCount > 50, `${allowedCount} allowed, ${refusedCount} refused: a property of both`)
})

test('the rules that somebody is told of allow what happens, and nothing else', async (t) => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const random = seeded(seed + 1_000)
    const api = await accessApi(t)
    await giveRights(api, random)
    await letEveryoneAsk(api)
    for (const user of USERS)
      for (const namespace of ['a', 'b']) {
        const told = await api.as(user, 'POST', `${AUTHORIZATION}/selfsubjectrulesreviews`, { spec: { namespace } })
        const rules: readonly PolicyRule[] = [...told.json.status.resourceRules, ...told.json.status.nonResourceRules]
        for (let index = 0; index < 30; index++) {
          const { what } = anyTrial(random)
          if (what.type === 'path' ? what.path === '/livez' : what.namespace !== namespace) continue
          const isTold = rules.some((rule) => ruleAllows(rule, what))
          const { allowed } = api.authorizer.authorize(user, what)
          assert.equal(isTold, allowed, `seed ${seed}: ${user.name} ${JSON.stringify(what)}`)
        }
      }
  }
})
