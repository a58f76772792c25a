import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seeded } from '@bramble/reconcile/sim/seeded'
import type { PolicyRule } from '@bramble/api/types/rbac'
import { ruleAllows } from '../../auth/rule-allows.ts'
import { describeRules, uncovered } from './covers.ts'

const on = (verbs: string, resources: string, more: Partial<PolicyRule> = {}): PolicyRule => ({
  verbs: verbs.split(' '),
  apiGroups: [''],
  resources: resources.split(' '),
  ...more,
})
const paths = (...nonResourceURLs: string[]): PolicyRule => ({ verbs: ['get'], nonResourceURLs })

const cases: { name: string; held: PolicyRule[]; wanted: PolicyRule[]; missing: readonly string[] }[] = [
  { name: 'nothing is covered by nothing', held: [], wanted: [], missing: [] },
  { name: 'a rule covers itself', held: [on('get list', 'pods')], wanted: [on('get list', 'pods')], missing: [] },
  {
    name: 'several rules cover one together',
    held: [on('get', 'pods'), on('list', 'pods secrets'), on('get', 'secrets')],
    wanted: [on('get list', 'pods secrets')],
    missing: [],
  },
  {
    name: 'what is missing is shown by resource, its verbs together',
    held: [on('get', 'pods')],
    wanted: [on('get list watch', 'pods secrets')],
    missing: [
      '{APIGroups:[""], Resources:["pods"], Verbs:["list" "watch"]}',
      '{APIGroups:[""], Resources:["secrets"], Verbs:["get" "list" "watch"]}',
    ],
  },
  {
    name: 'a star covers all',
    held: [on('*', '*', { apiGroups: ['*'] })],
    wanted: [on('get', 'pods/log', { apiGroups: ['x'] }), on('*', '*')],
    missing: [],
  },
  {
    name: 'all does not cover a star',
    held: [on('get', 'pods')],
    wanted: [on('*', 'pods')],
    missing: ['{APIGroups:[""], Resources:["pods"], Verbs:["*"]}'],
  },
  { name: 'a subresource of anything covers that of one', held: [on('get', '*/scale')], wanted: [on('get', 'pods/scale')], missing: [] },
  {
    name: 'but not the resource',
    held: [on('get', '*/scale')],
    wanted: [on('get', 'pods')],
    missing: ['{APIGroups:[""], Resources:["pods"], Verbs:["get"]}'],
  },
  { name: 'any name covers one', held: [on('get', 'pods')], wanted: [on('get', 'pods', { resourceNames: ['x'] })], missing: [] },
  {
    name: 'one name covers no other, nor any',
    held: [on('get', 'pods', { resourceNames: ['x'] })],
    wanted: [on('get', 'pods', { resourceNames: ['x', 'y'] }), on('get', 'pods')],
    missing: [
      '{APIGroups:[""], Resources:["pods"], ResourceNames:["y"], Verbs:["get"]}',
      '{APIGroups:[""], Resources:["pods"], Verbs:["get"]}',
    ],
  },
  {
    name: 'a path with a star covers those that begin so',
    held: [paths('/api*')],
    wanted: [paths('/api', '/api/v1', '/apis/*')],
    missing: [],
  },
  {
    name: 'paths are shown one by one',
    held: [paths('/a')],
    wanted: [paths('/b', '/a', '/c')],
    missing: ['{NonResourceURLs:["/b"], Verbs:["get"]}', '{NonResourceURLs:["/c"], Verbs:["get"]}'],
  },
]
for (const { name, held, wanted, missing } of cases) test(name, () => assert.deepEqual(describeRules(uncovered(held, wanted)), missing))

test('what covers a rule allows all that it allows', () => {
  for (let seed = 1; seed <= 300; seed++) {
    const random = seeded(seed)
    const some = (words: readonly string[]): string[] => {
      const chosen = words.filter(() => random() < 0.4)
      return chosen.length > 0 ? chosen : [words[0]!]
    }
    const anyRule = (): PolicyRule => ({
      verbs: some(['get', 'list', '*']),
      apiGroups: some(['', 'apps', '*']),
      resources: some(['pods', 'pods/log', '*/log', '*']),
      ...(random() < 0.3 && { resourceNames: some(['x', 'y']) }),
    })
    const [held, wanted] = [[anyRule(), anyRule()], [anyRule()]]
    if (uncovered(held, wanted).length > 0) continue
    for (const verb of ['get', 'list', 'delete'])
      for (const group of ['', 'apps', 'batch'])
        for (const plural of ['pods', 'secrets'])
          for (const subresource of ['', 'log', 'exec'])
            for (const name of ['', 'x', 'y', 'z']) {
              const what = { type: 'resource', verb, group, plural, subresource, name } as const
              const isGranted = wanted.some((rule) => ruleAllows(rule, what))
              if (isGranted)
                assert.ok(
                  held.some((rule) => ruleAllows(rule, what)),
                  `seed ${seed}: ${JSON.stringify({ held, wanted, what })}`,
                )
            }
  }
})
