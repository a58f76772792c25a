import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { IngressSpec } from '@bramble/api/types/networking'
import { cell, METADATA, refusals, warnings, written } from '../testing.ts'
import { ingresses } from './ingress.ts'

const backend = { service: { name: 'web', port: { number: 80 } } }
const spec = (more: Partial<IngressSpec> = {}): IngressSpec => ({
  rules: [{ http: { paths: [{ path: '/', pathType: 'Prefix', backend }] } }],
  ...more,
})
const onPath = (path: object): { spec: IngressSpec } => ({
  spec: { rules: [{ http: { paths: [{ path: '/', pathType: 'Prefix', backend, ...path }] } }] },
})
const onHost = (host: string): { spec: IngressSpec } => ({ spec: spec({ rules: [{ host }] }) })

const PATH = 'spec.rules[0].http.paths[0]'
const SUBDOMAIN = /a lowercase RFC 1123 subdomain must consist of/
const WILDCARD = /a wildcard DNS-1123 subdomain must start with '\*\.'/

const refused: readonly (readonly [name: string, body: object, ...expected: (string | RegExp)[]])[] = [
  ['of the smallest kind', { spec: spec() }],
  ['with a default backend alone', { spec: { defaultBackend: backend } }],
  ['with neither rules nor default', { spec: {} }, 'spec: Invalid value: []: either `defaultBackend` or `rules` must be specified'],
  ['with a wildcard host', onHost('*.example.com')],
  ['with a wildcard in the middle of its host', onHost('a.*.com'), WILDCARD],
  ['with a host that is no name', onHost('Web'), SUBDOMAIN],
  [
    'with an address for a host',
    onHost('10.0.0.1'),
    'spec.rules[0].host: Invalid value: "10.0.0.1": must be a DNS name, not an IP address',
  ],
  ['with a rule without paths', { spec: { rules: [{ http: { paths: [] } }] } }, 'spec.rules[0].http.paths: Required value'],
  ['without a path type', onPath({ pathType: undefined }), `${PATH}.pathType: Required value: pathType must be specified`],
  [
    'with an unknown path type',
    onPath({ pathType: 'Glob' }),
    `${PATH}.pathType: Unsupported value: "Glob": supported values: "Exact", "ImplementationSpecific", "Prefix"`,
  ],
  ['with a relative path', onPath({ path: 'x' }), `${PATH}.path: Invalid value: "x": must be an absolute path`],
  ['whose controller reads the path', onPath({ path: '', pathType: 'ImplementationSpecific' })],
  [
    'with a path that goes back',
    onPath({ path: '/a/../b/..' }),
    `${PATH}.path: Invalid value: "/a/../b/..": must not contain '/../'`,
    `${PATH}.path: Invalid value: "/a/../b/..": cannot end with '/..'`,
  ],
  ['with an escaped slash', onPath({ path: '/a%2fb' }), `${PATH}.path: Invalid value: "/a%2fb": must not contain '%2f'`],
  ['without a backend', onPath({ backend: undefined }), `${PATH}.backend: Invalid value: "": resource or service backend is required`],
  [
    'with two sorts of backend',
    onPath({ backend: { ...backend, resource: { kind: 'Bucket', name: 'b' } } }),
    `${PATH}.backend: Invalid value: "": cannot set both resource and service backends`,
  ],
  [
    'with a backend without a port',
    onPath({ backend: { service: { name: 'web' } } }),
    `${PATH}.backend: Required value: port name or number is required`,
  ],
  [
    'with a port that has a name and a number',
    onPath({ backend: { service: { name: 'web', port: { name: 'http', number: 80 } } } }),
    `${PATH}.backend: Invalid value: "": cannot set both port name & port number`,
  ],
  [
    'with a port out of range',
    onPath({ backend: { service: { name: 'web', port: { number: 70000 } } } }),
    `${PATH}.backend.service.port.number: Invalid value: 70000: must be between 1 and 65535, inclusive`,
  ],
  [
    'that leads to half a resource',
    onPath({ backend: { resource: { kind: 'a/b' } } }),
    `${PATH}.backend.resource.kind: Invalid value: "a/b": may not contain '/'`,
    `${PATH}.backend.resource.name: Required value`,
  ],
  [
    'with a TLS host that is none',
    { spec: spec({ tls: [{ hosts: ['ok.example', '*'] }] }) },
    /^spec\.tls\[0\]\.hosts\[1\]: .*wildcard DNS-1123/,
  ],
  ['with a TLS secret that is none', { spec: spec({ tls: [{ secretName: 'A B' }] }) }, /^spec\.tls\[0\]\.secretName: Invalid value: "A B"/],
  ['with a class that is none', { spec: spec({ ingressClassName: 'A' }) }, /^spec\.ingressClassName: Invalid value: "A"/],
  [
    'that names two classes',
    { metadata: { ...METADATA, annotations: { 'kubernetes.io/ingress.class': 'a' } }, spec: spec({ ingressClassName: 'b' }) },
    'annotations.kubernetes.io/ingress.class: Invalid value: "a": must match `ingressClassName` when both are specified',
  ],
]
for (const [name, body, ...expected] of refused)
  test(`an Ingress ${name}`, () => {
    const found = refusals(ingresses, body)
    assert.equal(found.length, expected.length, found.join('\n'))
    for (const [index, want] of expected.entries())
      typeof want === 'string' ? assert.equal(found[index], want) : assert.match(found[index]!, want)
  })

test('the status of an Ingress names addresses and hosts', () => {
  const before = written(ingresses, { spec: spec(), status: { loadBalancer: { ingress: [{ ip: 'old' }] } } })
  const status = { loadBalancer: { ingress: [{ ip: 'old' }, { ip: 'x' }, { hostname: '10.0.0.1' }] } }
  const errors = ingresses.validate!({ ...before, status }, before).map(({ path, message }) => `${path}: ${message}`)
  assert.deepEqual(errors, [
    'status.loadBalancer.ingress[1].ip: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
    'status.loadBalancer.ingress[2].hostname: Invalid value: "10.0.0.1": must be a DNS name, not an IP address',
  ])
})

const hosts = (...names: string[]) => ({ spec: { rules: names.map((host) => ({ host })) } })
const cells: readonly (readonly [name: string, column: string, body: object, text: string])[] = [
  ['without a host is for all', 'Hosts', { spec: spec() }, '*'],
  ['names its hosts', 'Hosts', hosts('a', 'b', 'c'), 'a,b,c'],
  ['with many hosts names three', 'Hosts', hosts('a', 'b', 'c', 'd', 'e'), 'a,b,c + 2 more...'],
  ['has no class', 'Class', { spec: spec() }, '<none>'],
  ['has a class', 'Class', { spec: spec({ ingressClassName: 'nginx' }) }, 'nginx'],
  ['is for HTTP', 'Ports', { spec: spec() }, '80'],
  ['is for HTTPS as well', 'Ports', { spec: spec({ tls: [{}] }) }, '80, 443'],
  [
    'has addresses',
    'Address',
    { status: { loadBalancer: { ingress: [{ ip: '10.0.0.2' }, { hostname: 'a' }, { ip: '10.0.0.1' }] } } },
    '10.0.0.1,10.0.0.2,a',
  ],
]
for (const [name, column, body, text] of cells) test(`an Ingress ${name}`, () => assert.equal(cell(ingresses, column, body), text))

test('who makes an Ingress hears what it takes, and once', () => {
  const annotated = { metadata: { ...METADATA, annotations: { 'kubernetes.io/ingress.class': 'a' } }, spec: spec() }
  assert.deepEqual(warnings(ingresses, annotated), [
    `annotation "kubernetes.io/ingress.class" is deprecated, please use 'spec.ingressClassName' instead`,
    'Bramble has no ingress controller of its own: an Ingress takes effect when one that serves its class runs in the cluster',
  ])
  assert.deepEqual(warnings(ingresses, annotated, annotated), [])
})
