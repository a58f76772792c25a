import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CertificateCondition, CertificateSigningRequest } from '@bramble/api/types/certificates'
import { requestOf } from '../../resources/certificates/certificate-request.fixture.ts'
import { planSigning } from './plan.ts'

const NOW_MS = Date.UTC(2026, 0, 2)
const HOUR_MS = 3_600_000
const agoText = (hours: number): string => new Date(NOW_MS - hours * HOUR_MS).toISOString()

const condition = (type: string, hours = 0): CertificateCondition => ({ type, status: 'True', lastUpdateTime: agoText(hours) })
const request = requestOf('/CN=jane')

interface Case {
  readonly name: string
  readonly spec?: Partial<CertificateSigningRequest['spec']>
  readonly conditions?: readonly CertificateCondition[]
  readonly certificate?: string
  readonly ageHours?: number
  readonly expect: object
}
const sign = { type: 'sign', durationMs: 365 * 24 * HOUR_MS, isForKeyEncipherment: false }
const approved = [condition('Approved')]
const cases: readonly Case[] = [
  { name: 'what nobody decided waits a day', expect: { type: 'keep', untilMs: NOW_MS + 24 * HOUR_MS } },
  { name: 'and goes then', ageHours: 24, expect: { type: 'remove' } },
  { name: 'what is approved is signed, for a year', conditions: approved, expect: sign },
  { name: 'for as long as it asks', spec: { expirationSeconds: 3600 }, conditions: approved, expect: { ...sign, durationMs: HOUR_MS } },
  { name: 'but not for ever', spec: { expirationSeconds: 2 ** 31 - 1 }, conditions: approved, expect: sign },
  {
    name: 'for keys if it asks',
    spec: { usages: ['client auth', 'key encipherment', 'digital signature'] },
    conditions: approved,
    expect: { ...sign, isForKeyEncipherment: true },
  },
  {
    name: 'what is denied as well is not signed',
    conditions: [...approved, condition('Denied')],
    expect: { type: 'keep', untilMs: NOW_MS + HOUR_MS },
  },
  {
    name: 'what failed is not signed',
    conditions: [...approved, condition('Failed')],
    expect: { type: 'keep', untilMs: NOW_MS + HOUR_MS },
  },
  {
    name: 'what is signed is not signed again',
    conditions: approved,
    certificate: 'eA==',
    expect: { type: 'keep', untilMs: NOW_MS + HOUR_MS },
  },
  { name: 'and goes an hour later', conditions: [condition('Approved', 1)], certificate: 'eA==', expect: { type: 'remove' } },
  { name: 'what is denied goes an hour later', conditions: [condition('Denied', 1)], expect: { type: 'remove' } },
  {
    name: 'what others sign is theirs',
    spec: { signerName: 'kubernetes.io/kube-apiserver-client-kubelet' },
    conditions: approved,
    expect: { type: 'keep', untilMs: undefined },
  },
  {
    name: 'a server certificate is not for clients',
    spec: { usages: ['client auth', 'server auth'] },
    conditions: approved,
    expect: { type: 'fail', message: 'invalid usage for client certificate: server auth' },
  },
  {
    name: 'a client certificate is for clients',
    spec: { usages: ['digital signature'] },
    conditions: approved,
    expect: { type: 'fail', message: 'missing required usage for client certificate: client auth' },
  },
  {
    name: 'what cannot be read fails',
    spec: { request: 'eA==' },
    conditions: approved,
    expect: { type: 'fail', message: 'unable to parse csr: PEM block type must be CERTIFICATE REQUEST' },
  },
]
for (const { name, spec, conditions, certificate, ageHours = 0, expect } of cases)
  test(name, () => {
    const plan = planSigning(
      {
        metadata: { name: 'jane', uid: 'u', resourceVersion: '1', creationTimestamp: agoText(ageHours) },
        spec: { request, signerName: 'kubernetes.io/kube-apiserver-client', usages: ['client auth'], ...spec },
        status: { ...(conditions && { conditions: [...conditions] }), ...(certificate && { certificate }) },
      },
      NOW_MS,
    )
    const { csr: _csr, ...wish } = plan.type === 'sign' ? plan.wish : { csr: undefined }
    assert.deepEqual(plan.type === 'sign' ? { type: 'sign', ...wish } : plan, expect)
  })
