import assert from 'node:assert/strict'
import { test } from 'node:test'
import { conflist, isInside, pluginEnvironment, pluginInput, pluginProblem, pluginsFor, previousAddress, resultIp } from './convert.ts'

const list = conflist('10.42.3.0/24', 1450, '/run/addresses')
const web = { hostPort: 8080, containerPort: 80, protocol: 'tcp' as const }

test('the network is routed, keeps source addresses and takes addresses of the node alone', () => {
  const [ptp] = list.plugins
  assert.deepEqual(ptp, {
    type: 'ptp',
    ipMasq: false,
    mtu: 1450,
    ipam: { type: 'host-local', ranges: [[{ subnet: '10.42.3.0/24' }]], routes: [{ dst: '0.0.0.0/0' }], dataDir: '/run/addresses' },
  })
})

test('ports are mapped only for a pod that has some', () => {
  assert.deepEqual(
    pluginsFor(list, []).map(({ type }) => type),
    ['ptp'],
  )
  assert.deepEqual(
    pluginsFor(list, [web]).map(({ type }) => type),
    ['ptp', 'portmap'],
  )
})

test('a plugin is told version, network, the result so far and, if it can map ports, the ports', () => {
  const result = { ips: [{ address: '10.42.3.7/24' }] }
  assert.deepEqual(JSON.parse(pluginInput(list, list.plugins[1]!, [{ ...web, hostIp: '192.0.2.7' }], result)), {
    type: 'portmap',
    snat: true,
    cniVersion: '1.0.0',
    name: 'bramble',
    runtimeConfig: { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: 'tcp', hostIP: '192.0.2.7' }] },
    prevResult: result,
  })
  const first = JSON.parse(pluginInput(list, list.plugins[0]!, [web], undefined)) as Record<string, unknown>
  assert.ok(!('runtimeConfig' in first) && !('prevResult' in first))
})

test('any address of the host is no address in particular', () => {
  const input = JSON.parse(pluginInput(list, list.plugins[1]!, [{ ...web, hostIp: '0.0.0.0' }], {})) as { runtimeConfig: unknown }
  assert.deepEqual(input.runtimeConfig, { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: 'tcp' }] })
})

test('the environment names pod, namespace and interface', () => {
  assert.deepEqual(pluginEnvironment('ADD', { podUid: 'u1', namespace: 'default', name: 'web-0' }, '/run/netns/n', '/usr/lib/cni'), {
    CNI_COMMAND: 'ADD',
    CNI_CONTAINERID: 'u1',
    CNI_NETNS: '/run/netns/n',
    CNI_IFNAME: 'eth0',
    CNI_PATH: '/usr/lib/cni',
    CNI_ARGS: 'IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-0;K8S_POD_UID=u1',
  })
})

test('the address of a result has no prefix length', () => {
  assert.equal(resultIp({ ips: [{ address: '10.42.3.7/24' }] }), '10.42.3.7')
  assert.equal(resultIp({}), undefined)
})

for (const { name, stdout, stderr, words } of [
  {
    name: 'a CNI error is its message and details',
    stdout: '{"code":999,"msg":"no addresses","details":"in 10.42.3.0/24"}',
    stderr: '',
    words: 'no addresses; in 10.42.3.0/24',
  },
  { name: 'words that are no JSON are taken as they are', stdout: '', stderr: 'exec format error\n', words: 'exec format error' },
  { name: 'silence is said to be silence', stdout: '', stderr: '', words: 'it said nothing' },
])
  test(name, () => assert.equal(pluginProblem(stdout, stderr), words))

for (const { cidr, address, want } of [
  { cidr: '10.42.3.0/24', address: '10.42.3.255', want: true },
  { cidr: '10.42.3.0/24', address: '10.42.4.0', want: false },
  { cidr: '10.42.3.128/25', address: '10.42.3.127', want: false },
  { cidr: '0.0.0.0/0', address: '203.0.113.9', want: true },
])
  test(`${address} is ${want ? '' : 'not '}in ${cidr}`, () => assert.equal(isInside(cidr, address), want))

for (const [address, want] of [
  ['10.42.3.1', '10.42.3.0'],
  ['10.42.3.0', '10.42.2.255'],
  ['200.0.0.0', '199.255.255.255'],
] as const)
  test(`before ${address} comes ${want}`, () => assert.equal(previousAddress(address), want))
