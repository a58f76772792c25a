import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PodSpec } from '@bramble/api/types/pod'
import { podHostname } from './hostname.ts'
import { aPod } from './pods-harness.ts'

const long = `${'a'.repeat(62)}-${'b'.repeat(20)}`
const cases: readonly { readonly name: string; readonly pod?: string; readonly spec?: Partial<PodSpec>; readonly is: object }[] = [
  { name: 'a pod is called by its name', is: { hostname: 'web', label: 'web' } },
  { name: 'a long name is cut where a label may end', pod: long, is: { hostname: 'a'.repeat(62), label: 'a'.repeat(62) } },
  { name: 'hostname wins', spec: { hostname: 'mail' }, is: { hostname: 'mail', label: 'mail' } },
  {
    name: 'a subdomain gives a domain and leaves the host name short',
    spec: { subdomain: 'db' },
    is: { hostname: 'web', label: 'web', domain: 'db.default.svc.cluster.local' },
  },
  {
    name: 'setHostnameAsFQDN makes it long',
    spec: { subdomain: 'db', setHostnameAsFQDN: true },
    is: { hostname: 'web.db.default.svc.cluster.local', label: 'web', domain: 'db.default.svc.cluster.local' },
  },
  { name: 'without a subdomain there is no full name', spec: { setHostnameAsFQDN: true }, is: { hostname: 'web', label: 'web' } },
  {
    name: "in the host's network it is the host's",
    spec: { hostNetwork: true, hostname: 'mail' },
    is: { hostname: 'pi-1', label: 'mail' },
  },
  {
    name: 'an override is final',
    spec: { hostnameOverride: 'any.name', subdomain: 'db', setHostnameAsFQDN: true },
    is: { hostname: 'any.name', label: 'any.name' },
  },
]
for (const { name, pod = 'web', spec = {}, is } of cases)
  test(name, () => assert.deepEqual(podHostname(aPod(pod, spec), 'cluster.local', 'pi-1'), is))

test('a full name that the kernel cannot hold is refused in the words of Kubernetes', () => {
  assert.throws(() => podHostname(aPod('a'.repeat(40), { subdomain: 'db', setHostnameAsFQDN: true }), 'cluster.local', 'pi-1'), {
    message: `failed to construct FQDN from pod hostname and cluster domain, FQDN ${'a'.repeat(40)}.db.default.svc.cluster.local is too long (64 is the max, 69 characters requested)`,
  })
})
