import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PodSpec } from '@bramble/api/types/pod'
import { aPod } from '../pods-harness.ts'
import { hostsFile } from './network-files.ts'
import { type HostDns, resolvConf } from './resolv-conf.ts'

const HOST: HostDns = {
  resolvConf:
    '# by hand\nnameserver 192.0.2.53\nnameserver 192.0.2.54\nsearch old.example\nsearch lan. home.example\noptions rotate timeout:1\n',
}
const STUB: HostDns = { resolvConf: 'nameserver 127.0.0.53\nsearch lan\n', upstream: 'nameserver 192.0.2.1\n' }
const CLUSTER = { serverIp: '10.43.0.10', domain: 'cluster.local' }
const CLUSTER_SEARCH = 'search shop.svc.cluster.local svc.cluster.local cluster.local lan home.example'
const OF_HOST = 'search lan home.example\nnameserver 192.0.2.53\nnameserver 192.0.2.54\noptions rotate timeout:1\n'
const OF_CLUSTER = `${CLUSTER_SEARCH}\nnameserver 10.43.0.10\noptions ndots:5\n`

const cases: readonly { name: string; spec?: Partial<PodSpec>; noServer?: boolean; host?: HostDns; wanted: string }[] = [
  { name: 'asks the cluster first', wanted: OF_CLUSTER },
  { name: 'asks whom its node asks when the cluster has no server', noServer: true, wanted: OF_HOST },
  { name: 'with policy Default asks whom its node asks', spec: { dnsPolicy: 'Default' }, wanted: OF_HOST },
  { name: 'with host network asks whom its node asks', spec: { hostNetwork: true }, wanted: OF_HOST },
  {
    name: 'with host network asks the cluster when it says so',
    spec: { hostNetwork: true, dnsPolicy: 'ClusterFirstWithHostNet' },
    wanted: OF_CLUSTER,
  },
  { name: 'with policy None asks nobody', spec: { dnsPolicy: 'None' }, wanted: '' },
  {
    name: 'with policy None asks whom it names',
    spec: {
      dnsPolicy: 'None',
      dnsConfig: { nameservers: ['1.1.1.1'], searches: ['a.b'], options: [{ name: 'ndots', value: '2' }, { name: 'edns0' }] },
    },
    wanted: 'search a.b\nnameserver 1.1.1.1\noptions ndots:2 edns0\n',
  },
  {
    name: 'adds its own settings, which win',
    spec: {
      dnsConfig: {
        nameservers: ['10.43.0.10', '1.1.1.1'],
        searches: ['lan', 'x.y'],
        options: [{ name: 'ndots', value: '1' }, { name: 'debug' }],
      },
    },
    wanted: `${CLUSTER_SEARCH} x.y\nnameserver 10.43.0.10\nnameserver 1.1.1.1\noptions ndots:1 debug\n`,
  },
  { name: 'cannot reach a server on the loopback of its node', noServer: true, host: STUB, wanted: 'nameserver 192.0.2.1\n' },
  {
    name: 'reaches it with host network',
    spec: { hostNetwork: true },
    host: STUB,
    wanted: 'search lan\nnameserver 127.0.0.53\n',
  },
]
for (const { name, spec, noServer, host, wanted } of cases)
  test(`a pod ${name}`, () =>
    assert.equal(
      resolvConf(aPod('web', spec, { namespace: 'shop' }), noServer ? { domain: 'cluster.local' } : CLUSTER, host ?? HOST),
      wanted,
    ))

const many = (count: number, length: number): string[] => Array.from({ length: count }, (_, index) => `${index}`.padStart(length, 'x'))
const limits: readonly { name: string; dnsConfig: PodSpec['dnsConfig']; text: RegExp; warning: RegExp }[] = [
  {
    name: 'four servers are too many',
    dnsConfig: { nameservers: ['1.1.1.1', '1.1.1.2', '1.1.1.3', '1.1.1.4'] },
    text: /^nameserver 1\.1\.1\.1\nnameserver 1\.1\.1\.2\nnameserver 1\.1\.1\.3\n$/,
    warning:
      /^DNSConfigForming: Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: 1\.1\.1\.1 1\.1\.1\.2 1\.1\.1\.3$/,
  },
  {
    name: '33 domains are too many',
    dnsConfig: { searches: many(33, 3) },
    text: /^search xx0 (x.. ){30}x31\n$/,
    warning:
      /^DNSConfigForming: Search Line limits were exceeded, some search paths have been omitted, the applied search line is: xx0 .* x31$/,
  },
  {
    name: 'a domain of 254 characters is too long',
    dnsConfig: { searches: ['a', 'b'.repeat(254), 'c'] },
    text: /^search a c\n$/,
    warning: /the applied search line is: a c$/,
  },
  {
    name: 'a line of 2049 characters is too long',
    dnsConfig: { searches: [...many(10, 203), 'abcdefghi'] },
    text: /^search (x+\d ){9}x+9\n$/,
    warning: / x+9$/,
  },
]
for (const { name, dnsConfig, text, warning } of limits)
  test(`names: ${name}`, () => {
    const told: string[] = []
    const pod = aPod('web', { dnsPolicy: 'None', ...(dnsConfig && { dnsConfig }) })
    assert.match(
      resolvConf(pod, CLUSTER, HOST, (...each) => told.push(each.join(': '))),
      text,
    )
    assert.equal(told.length, 1)
    assert.match(told[0]!, warning)
  })

const ALWAYS = `# Kubernetes-managed hosts file.
127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
fe00::0\tip6-mcastprefix
fe00::1\tip6-allnodes
fe00::2\tip6-allrouters
`
const ALIASES = {
  hostAliases: [
    { ip: '1.2.3.4', hostnames: ['a', 'b'] },
    { ip: '::5', hostnames: ['c'] },
  ],
}
const ALIAS_LINES = '\n# Entries added by HostAliases.\n1.2.3.4\ta\tb\n::5\tc\n'
const hosts: readonly { name: string; spec: Partial<PodSpec>; ip?: string; wanted: string }[] = [
  { name: 'has its name at its address', spec: {}, wanted: `${ALWAYS}10.42.0.5\tweb\n` },
  { name: 'without an address has none', spec: {}, ip: '', wanted: ALWAYS },
  { name: 'may have another name', spec: { hostname: 'db-0' }, wanted: `${ALWAYS}10.42.0.5\tdb-0\n` },
  {
    name: 'with a subdomain has its full name',
    spec: { hostname: 'db-0', subdomain: 'db', setHostnameAsFQDN: true },
    wanted: `${ALWAYS}10.42.0.5\tdb-0.db.shop.svc.cluster.local\tdb-0\n`,
  },
  { name: 'may override its name', spec: { hostnameOverride: 'x.y', subdomain: 'db' }, wanted: `${ALWAYS}10.42.0.5\tx.y\n` },
  { name: 'with aliases has these', spec: ALIASES, wanted: `${ALWAYS}10.42.0.5\tweb\n${ALIAS_LINES}` },
  {
    name: 'with host network has what its node has',
    spec: { hostNetwork: true, ...ALIASES },
    wanted: `# Kubernetes-managed hosts file (host network).\n127.0.0.1 pi-1\n${ALIAS_LINES}`,
  },
]
for (const { name, spec, ip = '10.42.0.5', wanted } of hosts)
  test(`/etc/hosts: a pod ${name}`, () =>
    assert.equal(hostsFile(aPod('web', spec, { namespace: 'shop' }), ip, '127.0.0.1 pi-1\n', 'cluster.local'), wanted))
