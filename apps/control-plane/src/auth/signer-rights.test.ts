import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { KubeObject } from '@bramble/api/object'
import type { AdmissionRequest } from '../api/requests.ts'
import type { ResourceDefinition } from '../api/resource.ts'
import { certificateSigningRequests } from '../resources/certificates/certificate-signing-request.ts'
import type { Authorizer } from './authorizer.ts'
import { signerRights } from './signer-rights.ts'

const SIGNER = 'example.com/clients'
const approved = { conditions: [{ type: 'Approved', status: 'True' }] }

/** What the step says to somebody with `rights` such as `approve example.com/*`. */
function answer(
  rights: readonly string[],
  subresource: string | undefined,
  status: object = approved,
  more: Partial<AdmissionRequest> = {},
): string {
  const authorizer = {
    authorize: (_user: unknown, { verb, plural, group, name }: Record<string, string>) => ({
      allowed: plural === 'signers' && group === 'certificates.k8s.io' && rights.includes(`${verb} ${name}`),
      reason: '',
    }),
  } as unknown as Authorizer
  const request = (now: object) => ({ metadata: { name: 'jane' }, spec: { signerName: SIGNER }, status: now }) as unknown as KubeObject
  try {
    void signerRights(authorizer).admit({
      operation: 'update',
      resource: certificateSigningRequests as ResourceDefinition,
      ...(subresource !== undefined && { subresource }),
      object: request(status),
      previous: request({}),
      context: { user: { name: 'eve', groups: [] }, dryRun: false, fieldManager: '', fieldValidation: 'Strict', warn: () => {} },
      ...more,
    })
    return 'allowed'
  } catch (error) {
    return (error as Error).message
  }
}

const refused = (verb: string): string =>
  `certificatesigningrequests.certificates.k8s.io "jane" is forbidden: user not permitted to ${verb} requests with signerName "${SIGNER}"`
const cases: readonly (readonly [
  name: string,
  rights: readonly string[],
  subresource: string | undefined,
  expected: string,
  status?: object,
])[] = [
  ['who may approve for the signer approves', [`approve ${SIGNER}`], 'approval', 'allowed'],
  ['who may approve for its domain approves', ['approve example.com/*'], 'approval', 'allowed'],
  ['who may approve for another does not', ['approve example.com/servers', 'approve other.com/*'], 'approval', refused('approve')],
  ['who may sign does not approve', [`sign ${SIGNER}`], 'approval', refused('approve')],
  ['who may sign signs', [`sign ${SIGNER}`], 'status', 'allowed', { certificate: 'eA==' }],
  ['who may approve does not sign', [`approve ${SIGNER}`], 'status', refused('sign'), { certificate: 'eA==' }],
  ['who changes nothing of it needs no right', [], 'status', 'allowed', {}],
  ['labels are anybody’s', [], undefined, 'allowed'],
]
for (const [name, rights, subresource, expected, status] of cases)
  test(name, () => assert.equal(answer(rights, subresource, status), expected))

test('other kinds and other operations are not looked at', () => {
  const pods = { group: '', kind: 'Pod' } as ResourceDefinition
  assert.equal(answer([], 'status', approved, { resource: pods }), 'allowed')
  assert.equal(answer([], undefined, approved, { operation: 'delete' }), 'allowed')
})
