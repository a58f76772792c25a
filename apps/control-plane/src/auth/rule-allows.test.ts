import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PolicyRule } from '@bramble/api/types/rbac'
import type { Attributes } from './attributes.ts'
import { ruleAllows } from './rule-allows.ts'

const resource = (verb: string, plural: string, more: object = {}): Attributes => ({ type: 'resource', verb, group: '', plural, ...more })
const get = (path: string): Attributes => ({ type: 'path', verb: 'get', path })
const rule = (resources: string, more: Partial<PolicyRule> = {}): PolicyRule => ({
  verbs: ['get', 'list'],
  apiGroups: [''],
  resources: resources.split(' '),
  ...more,
})
const paths = (...nonResourceURLs: string[]): PolicyRule => ({ verbs: ['get'], nonResourceURLs })

const cases: { name: string; rule: PolicyRule; what: Attributes; allowed: boolean }[] = [
  { name: 'what it names', rule: rule('pods'), what: resource('get', 'pods'), allowed: true },
  { name: 'no other verb', rule: rule('pods'), what: resource('delete', 'pods'), allowed: false },
  { name: 'no other resource', rule: rule('pods'), what: resource('get', 'secrets'), allowed: false },
  { name: 'no other group', rule: rule('pods'), what: resource('get', 'pods', { group: 'apps' }), allowed: false },
  { name: 'no subresource of what it names', rule: rule('pods'), what: resource('get', 'pods', { subresource: 'log' }), allowed: false },
  { name: 'the subresource it names', rule: rule('pods/log'), what: resource('get', 'pods', { subresource: 'log' }), allowed: true },
  { name: 'not the resource of a subresource', rule: rule('pods/log'), what: resource('get', 'pods'), allowed: false },
  {
    name: 'a subresource of any resource',
    rule: rule('*/scale', { apiGroups: ['*'] }),
    what: resource('get', 'deployments', { group: 'apps', subresource: 'scale' }),
    allowed: true,
  },
  { name: 'no other subresource then', rule: rule('*/scale'), what: resource('get', 'pods', { subresource: 'status' }), allowed: false },
  {
    name: 'everything with stars',
    rule: rule('*', { verbs: ['*'], apiGroups: ['*'] }),
    what: resource('x', 'y', { group: 'z', subresource: 's' }),
    allowed: true,
  },
  { name: 'no path with resource stars', rule: rule('*', { verbs: ['*'], apiGroups: ['*'] }), what: get('/metrics'), allowed: false },
  {
    name: 'the object it names',
    rule: rule('pods', { resourceNames: ['x'] }),
    what: resource('get', 'pods', { name: 'x' }),
    allowed: true,
  },
  { name: 'no other object', rule: rule('pods', { resourceNames: ['x'] }), what: resource('get', 'pods', { name: 'y' }), allowed: false },
  {
    name: 'nothing without a name where it names one',
    rule: rule('pods', { resourceNames: ['x'] }),
    what: resource('list', 'pods'),
    allowed: false,
  },
  { name: 'any object where it names none', rule: rule('pods'), what: resource('get', 'pods', { name: 'y' }), allowed: true },
  { name: 'the path it names', rule: paths('/version'), what: get('/version'), allowed: true },
  { name: 'no longer path', rule: paths('/version'), what: get('/version/'), allowed: false },
  { name: 'any path that begins as one with a star', rule: paths('/api/*'), what: get('/api/v1'), allowed: true },
  { name: 'not the path before the star', rule: paths('/api/*'), what: get('/api'), allowed: false },
  { name: 'any path', rule: paths('*'), what: get('/x/y'), allowed: true },
  { name: 'no star in the middle', rule: paths('/a/*/c'), what: get('/a/b/c'), allowed: false },
  { name: 'no resource with path stars', rule: { verbs: ['*'], nonResourceURLs: ['*'] }, what: resource('get', 'pods'), allowed: false },
]

for (const { name, rule, what, allowed } of cases) test(`a rule allows ${name}`, () => assert.equal(ruleAllows(rule, what), allowed))
