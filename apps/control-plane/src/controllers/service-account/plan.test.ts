import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ConfigMap, Namespace, ServiceAccount } from '@bramble/api/types/core'
import { namespaces } from '../../resources/namespace.ts'
import { serviceAccounts } from '../../resources/service-account.ts'
import { testBench } from '../test-bench.ts'
import { serviceAccountController } from './controller.ts'
import { planAccount } from './plan.ts'

const meta = (name: string) => ({ name, uid: name, resourceVersion: '1', creationTimestamp: '' })
const namespace: Namespace = { metadata: meta('a') }
const account: ServiceAccount = { metadata: meta('default') }
const rootCa = (pem: string): ConfigMap => ({ metadata: meta('kube-root-ca.crt'), data: { 'ca.crt': pem } })

const cases: { name: string; of?: Namespace; account?: ServiceAccount; rootCa?: ConfigMap; pem?: string; expect: readonly string[] }[] = [
  { name: 'a new namespace gets both', pem: 'PEM', expect: ['account', 'createRootCa'] },
  { name: 'without an authority only the account', expect: ['account'] },
  { name: 'nothing to do', account, rootCa: rootCa('PEM'), pem: 'PEM', expect: [] },
  { name: 'an authority of before is replaced', account, rootCa: rootCa('OLD'), pem: 'PEM', expect: ['updateRootCa'] },
  {
    name: 'what somebody added is taken out',
    account,
    rootCa: { ...rootCa('PEM'), data: { 'ca.crt': 'PEM', other: 'x' } },
    pem: 'PEM',
    expect: ['updateRootCa'],
  },
  { name: 'one that is going gets nothing', of: { metadata: { ...meta('a'), deletionTimestamp: 'now' } }, pem: 'PEM', expect: [] },
]
for (const { name, of = namespace, account: has, rootCa: holds, pem, expect } of cases)
  test(name, () => assert.deepEqual(Object.keys(planAccount(of, has, holds, pem)), expect))

test('a new namespace has its account, and a deleted account comes back', async (t) => {
  const bench = await testBench(t, [serviceAccountController])
  await bench.client.create(namespaces, { metadata: { name: 'team' } })
  await bench.pass(1)
  const first = bench.client.get(serviceAccounts, 'team/default')
  assert.ok(first)
  await bench.client.delete(serviceAccounts, 'team/default')
  await bench.pass(1)
  assert.notEqual(bench.client.get(serviceAccounts, 'team/default')!.metadata.uid, first.metadata.uid)
})
