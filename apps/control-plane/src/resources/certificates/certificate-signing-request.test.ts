import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CertificateCondition, CertificateSigningRequest } from '@bramble/api/types/certificates'
import { METADATA, refusals, row, written } from '../testing.ts'
import { requestOf } from './certificate-request.fixture.ts'
import { certificateSigningRequests as kind } from './certificate-signing-request.ts'

const request = requestOf('/CN=jane')
const signerName = 'kubernetes.io/kube-apiserver-client'
const spec = { request, signerName, usages: ['client auth'] }
const asking = (more: object) => ({ spec: { ...spec, ...more } })
const LABEL =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"

const cases: readonly (readonly [name: string, body: object, ...expected: string[]])[] = [
  ['of the smallest kind', asking({})],
  ['that asks for nothing', asking({ request: undefined }), 'spec.request: Invalid value: "": PEM block type must be CERTIFICATE REQUEST'],
  ['for no use', asking({ usages: [] }), 'spec.usages: Required value'],
  ['for one use twice', asking({ usages: ['client auth', 'client auth'] }), 'spec.usages[1]: Duplicate value: "client auth"'],
  ['of nobody', asking({ signerName: '' }), 'spec.signerName: Required value'],
  [
    'of a signer without a domain',
    asking({ signerName: 'me' }),
    'spec.signerName: Invalid value: "me": must be a fully qualified domain and path of the form \'example.com/signer-name\'',
  ],
  [
    'of a signer of a domain of one word',
    asking({ signerName: 'Example/me' }),
    `spec.signerName: Invalid value: "Example": validating label "Example": ${LABEL}`,
    'spec.signerName: Invalid value: "Example": should be a domain with at least two segments separated by dots',
  ],
  [
    'of the old signer',
    asking({ signerName: 'kubernetes.io/legacy-unknown' }),
    'spec.signerName: Invalid value: "kubernetes.io/legacy-unknown": the legacy signerName is not allowed via this API version',
  ],
  [
    'for a moment',
    asking({ expirationSeconds: 599 }),
    'spec.expirationSeconds: Invalid value: 599: may not specify a duration less than 600 seconds (10 minutes)',
  ],
]
for (const [name, body, ...expected] of cases) test(`a request ${name}`, () => assert.deepEqual(refusals(kind, body), expected))

test('a request for an unknown use is refused with all that there are', () =>
  assert.match(
    refusals(kind, asking({ usages: ['flying'] }))[0]!,
    /^spec\.usages\[0\]: Unsupported value: "flying": supported values: "any", "cert sign"/,
  ))

test('nobody says who asks but the server, and what was asked for stays', () => {
  const first = written(kind, asking({ username: 'root', groups: ['system:masters'], uid: '1', extra: { a: ['b'] } }))
  assert.deepEqual(first.spec, spec)
  assert.deepEqual(written(kind, asking({ signerName: 'example.com/other', username: 'x' }), first).spec, spec)
})

const condition = (type: string, more: Partial<CertificateCondition> = {}): CertificateCondition => ({ type, status: 'True', ...more })
const withStatus = (status: CertificateSigningRequest['status']): CertificateSigningRequest => ({
  metadata: METADATA,
  spec,
  status: status!,
})
const shown = (errors: readonly { path: string; message: string }[]): readonly string[] =>
  errors.map(({ path, message }) => `${path}: ${message}`)

const approval = kind.subresources!.named![0]!
/** What `PUT …/approval` of `conditions` makes of a request with those of `before`. */
function approving(conditions: readonly CertificateCondition[], before: readonly CertificateCondition[] = []): readonly string[] {
  const previous = withStatus({ conditions: [...before] })
  const taken = approval.take!(withStatus({ conditions: [...conditions], certificate: 'eA==' }), previous)
  assert.equal(taken.status?.certificate, undefined, 'who approves does not sign')
  return shown(approval.validate!(taken, previous))
}

const approvals: readonly (readonly [
  name: string,
  conditions: CertificateCondition[],
  before: CertificateCondition[],
  ...expected: string[],
])[] = [
  ['may approve', [condition('Approved')], []],
  ['may deny', [condition('Denied')], []],
  ['may give another reason', [condition('Approved', { reason: 'B' })], [condition('Approved', { reason: 'A' })]],
  [
    'may not do both',
    [condition('Approved'), condition('Denied')],
    [],
    'status.conditions[1].type: Invalid value: "Denied": Approved and Denied conditions are mutually exclusive',
  ],
  [
    'may not take it back',
    [],
    [condition('Approved')],
    'status.conditions: Forbidden: updates may not remove a condition of type "Approved"',
  ],
  [
    'may not be in doubt',
    [condition('Approved', { status: 'Unknown' })],
    [],
    'status.conditions[0].status: Unsupported value: "Unknown": supported values: "True"',
  ],
  [
    'must say what',
    [{ type: '' } as CertificateCondition],
    [],
    'status.conditions[0].type: Required value',
    'status.conditions[0].status: Required value',
  ],
]
for (const [name, conditions, before, ...expected] of approvals)
  test(`who decides ${name}`, () => assert.deepEqual(approving(conditions, before), expected))

test('who signs does not decide, and signs once', () => {
  const validate = (status: CertificateSigningRequest['status'], before: CertificateSigningRequest['status']): readonly string[] =>
    shown(kind.validate!(withStatus(status), withStatus(before)))
  const approved = { conditions: [condition('Approved')] }
  const one = Buffer.from('-----BEGIN CERTIFICATE-----\neA==\n-----END CERTIFICATE-----\n').toString('base64')
  assert.deepEqual(validate(approved, {}), ['status.conditions: Forbidden: updates may not add a condition of type "Approved"'])
  assert.deepEqual(validate({ conditions: [condition('Approved', { reason: 'x' })] }, approved), [
    'status.conditions: Forbidden: updates may not modify a condition of type "Approved"',
  ])
  assert.deepEqual(validate({ conditions: [...approved.conditions, condition('Failed')] }, approved), [])
  assert.deepEqual(validate({ ...approved, certificate: 'eA==' }, approved), [
    'status.certificate: Invalid value: "<certificate data>": must contain at least one CERTIFICATE PEM block',
  ])
  assert.deepEqual(validate({ ...approved, certificate: one }, approved), [
    'status.certificate: Invalid value: "<certificate data>": x509: malformed certificate',
  ])
  assert.deepEqual(
    validate({ ...approved, certificate: one }, { ...approved, certificate: 'eA==' }).at(-1),
    'status.certificate: Forbidden: updates may not modify existing certificate content',
  )
})

test('a request is printed with what became of it', () => {
  const printed = (status: CertificateSigningRequest['status']) => row(kind, withStatus(status))['Condition']
  assert.deepEqual(row(kind, { metadata: METADATA, spec: { ...spec, username: 'jane', expirationSeconds: 3600 } }), {
    Name: 'x',
    Age: '5m',
    SignerName: signerName,
    Requestor: 'jane',
    RequestedDuration: '60m',
    Condition: 'Pending',
  })
  assert.equal(printed({ conditions: [condition('Approved')], certificate: 'eA==' }), 'Approved,Issued')
  assert.equal(printed({ conditions: [condition('Approved'), condition('Failed')] }), 'Approved,Failed')
  assert.equal(printed({ conditions: [condition('Denied')] }), 'Denied')
  assert.deepEqual(kind.fields!(withStatus({})), { 'spec.signerName': signerName })
})
