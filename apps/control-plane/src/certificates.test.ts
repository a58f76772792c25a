import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { type RequestOptions, request as httpsRequest } from 'node:https'
import { test } from 'node:test'
import { silentLog } from '@bramble/reconcile/log'
import { CertificateRequester } from './admission/certificate-requester.ts'
import { LocalClient } from './api/local-client.ts'
import { CertificateSigningReconciler } from './controllers/certificate-signing/controller.ts'
import type { ControllerDeps } from './controllers/controller.ts'
import { httpsServer, testPki } from './http/https.fixture.ts'
import { base64, newKey, requestPem } from './resources/certificates/certificate-request.fixture.ts'

// From a request for a certificate to a login with it, over real TLS.

const REQUESTS = '/apis/certificates.k8s.io/v1/certificatesigningrequests'

async function call(options: RequestOptions, method: string, path: string, body?: object) {
  const request = httpsRequest({ ...options, method, path, headers: { 'content-type': 'application/json' } })
  request.end(body && JSON.stringify(body))
  const [response] = await once(request, 'response')
  const text = (await response.setEncoding('utf8').toArray()).join('')
  return { code: response.statusCode as number, body: JSON.parse(text) }
}

test('who is approved logs in with the certificate, as whom the request says, for as long as it says', async (t) => {
  const pki = await testPki()
  const admission = [new CertificateRequester({ nowMs: () => Date.UTC(2026, 0, 1) })]
  const { admin, clock, resources, store } = await httpsServer(t, { admission } as object)
  const env = { clock, random: () => 0.5, log: silentLog }
  const client = new LocalClient({ store, resources })
  const signer = new CertificateSigningReconciler({ client, env, certificates: pki } as unknown as ControllerDeps)

  for (const sort of ['P-256', 'RSA', 'Ed25519'] as const) {
    const key = newKey(sort)
    const name = `jane-${sort.toLowerCase()}`
    const csr = requestPem('/O=dev/O=ops/CN=jane', key, ['-addext', 'subjectAltName=DNS:jane.example'])
    const spec = {
      request: base64(csr),
      signerName: 'kubernetes.io/kube-apiserver-client',
      usages: ['client auth'],
      expirationSeconds: 3600,
    }
    const made = await call(admin, 'POST', REQUESTS, { metadata: { name }, spec: { ...spec, username: 'somebody', groups: ['any'] } })
    assert.equal(made.code, 201, JSON.stringify(made.body))
    assert.deepEqual([made.body.spec.username, made.body.spec.groups], ['bramble-admin', ['system:masters', 'system:authenticated']])

    await signer.reconcile(name)
    assert.equal((await call(admin, 'GET', `${REQUESTS}/${name}`)).body.status.certificate, undefined)
    const approved = { ...made.body, status: { conditions: [{ type: 'Approved', status: 'True', reason: 'KubectlApprove' }] } }
    const decided = await call(admin, 'PUT', `${REQUESTS}/${name}/approval`, approved)
    assert.deepEqual([decided.code, decided.body.status.conditions[0].lastUpdateTime], [200, '2026-01-01T00:00:00Z'])

    await signer.reconcile(name)
    const { status } = (await call(admin, 'GET', `${REQUESTS}/${name}`)).body
    const cert = Buffer.from(status.certificate, 'base64').toString()
    const parsed = new X509Certificate(cert)
    assert.equal(parsed.validToDate.getTime() - parsed.validFromDate.getTime(), (3600 + 300) * 1000)
    assert.equal(parsed.subjectAltName, 'DNS:jane.example')
    assert.equal(parsed.ca, false)

    const jane = { ...admin, cert, key }
    const { body } = await call(jane, 'POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {})
    assert.deepEqual(body.status?.userInfo, { username: 'jane', groups: ['dev', 'ops', 'system:authenticated'] }, sort)
    assert.equal((await call(jane, 'GET', '/api/v1/secrets')).code, 403)
  }
})

test('nobody becomes a master by a certificate', async (t) => {
  const { admin } = await httpsServer(t, { admission: [new CertificateRequester({ nowMs: () => 0 })] } as object)
  const spec = { request: base64(requestPem('/O=dev/O=system:masters/CN=jane')), usages: ['client auth'] }
  const ask = (signerName: string) => call(admin, 'POST', REQUESTS, { metadata: { name: 'a' }, spec: { ...spec, signerName } })
  const { code, body } = await ask('kubernetes.io/kube-apiserver-client')
  assert.deepEqual(
    [code, body.message],
    [
      403,
      'certificatesigningrequests.certificates.k8s.io "a" is forbidden: use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed',
    ],
  )
  assert.equal((await ask('example.com/signer')).code, 201)
})
