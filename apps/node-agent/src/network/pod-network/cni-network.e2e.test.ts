import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { test, type TestContext } from 'node:test'
import { runCommand, startDetached } from '../../host/exec.ts'
import { insidePrivateHost, privateHostTest } from '../../host/private-host.ts'
import { AddressMemory } from './address-memory.ts'
import { CniNetwork, CONFLIST_PATH, PodNetworkError } from './cni-network.ts'
import type { PodNetworkConfig } from './pod-network.ts'

const CIDR = '10.42.7.0/24'
const GATEWAY = '10.42.7.1'
const HOST = '/proc/1/ns/net'
const PORT = 9000
const NEVER = new AbortController().signal

if (insidePrivateHost()) tests()
else privateHostTest(import.meta.filename)

function tests(): void {
  test('without a CIDR it says what is missing', async () => {
    await assert.rejects(new CniNetwork().add(aPod(), NEVER), /no pod addresses yet.*pod CIDR/)
  })

  test('a pod gets a namespace and an address; the same pod again the same', async (t) => {
    const network = await aNetwork()
    const pod = aPod()
    const plugged = await added(t, network, pod)
    assert.match(plugged.ip, /^10\.42\.7\.\d+$/)
    assert.deepEqual(await network.add(pod, NEVER), plugged)
    assert.deepEqual(await network.list(), [{ podUid: pod.podUid, ...plugged }])
    assert.match(await inside(plugged, 'ip', '-o', 'addr', 'show', 'dev', 'lo'), /inet 127\.0\.0\.1/)
    assert.equal(JSON.parse(await readFile(CONFLIST_PATH, 'utf8')).name, 'bramble')
  })

  test('a pod that comes again has the address of before, unless another has it by now', async (t) => {
    const memory = new AddressMemory('/run/addresses.json')
    const network = new CniNetwork({ memory })
    await network.setCidr(CIDR)
    const [first, second] = [aPod(), aPod()]
    const before = await added(t, network, first)
    await added(t, network, second)
    await network.remove(first.podUid) // a reboot does as much
    await memory.settled()
    const later = new CniNetwork({ memory: new AddressMemory('/run/addresses.json') })
    await later.setCidr(CIDR)
    const thief = { ...aPod(), podUid: first.podUid.replace(/^.{8}/, 'ffffffff') }
    assert.equal((await later.add(first, NEVER)).ip, before.ip)

    await memory.note(thief.podUid, before.ip)
    const other = await added(t, network, thief)
    assert.notEqual(other.ip, before.ip)
  })

  test('host and pods of one host reach each other with their own addresses', async (t) => {
    const network = await aNetwork()
    const [client, server] = [await added(t, network, aPod()), await added(t, network, aPod())]
    answerIn(t, server.netnsPath)
    assert.equal(await ask(client.netnsPath, server.ip, PORT), client.ip)
    assert.equal(await ask(HOST, server.ip, PORT), GATEWAY)
    answerIn(t, HOST)
    assert.equal(await ask(client.netnsPath, GATEWAY, PORT), client.ip)
  })

  test('a service on the same host works from another pod, and from the pod behind it', async (t) => {
    const network = await aNetwork()
    const [client, server] = [await added(t, network, aPod()), await added(t, network, aPod())]
    answerIn(t, server.netnsPath)
    const rules = [
      ['PREROUTING', '-d', '10.43.0.9/32', '-p', 'tcp', '--dport', '80', '-j', 'DNAT', '--to-destination', `${server.ip}:${PORT}`],
      ['POSTROUTING', '-s', `${server.ip}/32`, '-d', `${server.ip}/32`, '-j', 'MASQUERADE'], // as a service proxy does
    ]
    for (const rule of rules) await runCommand('iptables', ['-t', 'nat', '-A', ...rule])
    t.after(async () => {
      for (const rule of rules) await runCommand('iptables', ['-t', 'nat', '-D', ...rule])
    })
    assert.equal(await ask(client.netnsPath, '10.43.0.9', 80), client.ip)
    assert.equal(await ask(server.netnsPath, '10.43.0.9', 80), GATEWAY)
  })

  test('a host port leads to the pod until it is removed', async (t) => {
    const network = await aNetwork()
    const pod = { ...aPod(), portMappings: [{ hostPort: 18080, containerPort: PORT, protocol: 'tcp' as const }] }
    const [plugged, client] = [await added(t, network, pod), await added(t, network, aPod())]
    answerIn(t, plugged.netnsPath)
    assert.equal(await ask(client.netnsPath, GATEWAY, 18080), GATEWAY) // portmap masquerades pods of the same node
    await network.remove(pod.podUid)
    assert.doesNotMatch((await runCommand('iptables-save', ['-t', 'nat'])).stdout, /18080/)
  })

  test('removing leaves nothing, and removing again succeeds', async (t) => {
    const network = await aNetwork()
    const pod = aPod()
    await added(t, network, pod)
    await network.remove(pod.podUid)
    await network.remove(pod.podUid)
    await network.remove(randomUUID())
    assert.deepEqual(await network.list(), [])
    assert.equal((await runCommand('ip', ['netns', 'list'])).stdout, '')
    assert.doesNotMatch((await runCommand('ip', ['-o', 'link'])).stdout, /veth/)
    assert.doesNotMatch((await runCommand('ip', ['route'])).stdout, /10\.42\.7\./)
  })

  test('another process takes back what this one made, before it knows the CIDR', async (t) => {
    const pod = aPod()
    await added(t, await aNetwork(), pod)
    const successor = new CniNetwork()
    assert.equal((await successor.list())[0]?.podUid, pod.podUid)
    await successor.remove(pod.podUid)
    assert.deepEqual(await successor.list(), [])
  })

  test('a pod that lost its interface is plugged in again, in the same namespace', async (t) => {
    const network = await aNetwork()
    const pod = aPod()
    const plugged = await added(t, network, pod)
    await inside(plugged, 'ip', 'link', 'del', 'eth0')
    const again = await network.add(pod, NEVER)
    assert.equal(again.netnsPath, plugged.netnsPath)
    assert.match(await inside(again, 'ip', '-o', 'addr', 'show', 'dev', 'eth0'), new RegExp(again.ip.replaceAll('.', '\\.')))
  })

  test('no address is left over after many pods came and went', async (t) => {
    const network = new CniNetwork()
    await network.setCidr('10.42.9.0/29') // five pods at most
    for (let round = 0; round < 2; round++) {
      const pods = Array.from({ length: 5 }, aPod)
      await Promise.all(pods.map((pod) => added(t, network, pod)))
      await assert.rejects(
        network.add(aPod(), NEVER),
        (error) => error instanceof PodNetworkError && /ptp, ADD .*no IP addresses available/.test(error.message),
      )
      await Promise.all(pods.map((pod) => network.remove(pod.podUid)))
    }
    for (const { podUid } of await network.list()) await network.remove(podUid)
  })

  test('missing plugins are said to be missing', async () => {
    const network = new CniNetwork({ pluginFolders: ['/nowhere'] })
    await network.setCidr(CIDR)
    const pod = aPod()
    await assert.rejects(network.add(pod, NEVER), /plugin ptp is not in \/nowhere: apt-get install containernetworking-plugins/)
    await new CniNetwork().remove(pod.podUid)
  })
}

type Plugged = Awaited<ReturnType<CniNetwork['add']>>

const aPod = (): PodNetworkConfig => ({ podUid: randomUUID(), namespace: 'default', name: 'web', portMappings: [] })

async function aNetwork(): Promise<CniNetwork> {
  const network = new CniNetwork()
  await network.setCidr(CIDR)
  return network
}

async function added(t: TestContext, network: CniNetwork, pod: PodNetworkConfig): Promise<Plugged> {
  t.after(() => network.remove(pod.podUid))
  return network.add(pod, NEVER)
}

const inside = async ({ netnsPath }: Plugged, ...command: string[]): Promise<string> =>
  (await runCommand('nsenter', [`--net=${netnsPath}`, '--', ...command])).stdout

/** A server that tells each client the address it comes from. */
function answerIn(t: TestContext, netnsPath: string): void {
  const program = `require('net').createServer((socket) => socket.end(socket.remoteAddress.replace('::ffff:', ''))).listen(${PORT})`
  const server = startDetached('nsenter', [`--net=${netnsPath}`, '--', process.execPath, '-e', program])
  t.after(() => process.kill(server.pid, 'SIGKILL'))
}

const ASK = `
const [host, port] = process.argv.slice(1)
const until = performance.now() + 5000
const ask = () => require('net').connect({ host, port, timeout: 2000 })
  .on('data', (data) => process.stdout.write(data))
  .on('timeout', () => process.exit(2))
  .on('error', (error) => error.code === 'ECONNREFUSED' && performance.now() < until ? setTimeout(ask, 20) : process.exit(3))
ask()`
const ask = async (netnsPath: string, host: string, port: number): Promise<string> =>
  (await runCommand('nsenter', [`--net=${netnsPath}`, '--', process.execPath, '-e', ASK, host, String(port)])).stdout
