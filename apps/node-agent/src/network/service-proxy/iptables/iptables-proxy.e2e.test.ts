import assert from 'node:assert/strict'
import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { after, before, describe, test } from 'node:test'
import { systemClock } from '@bramble/reconcile/env'
import type { Backend, ServiceForward, ServiceTable } from '../service-table.ts'
import { IptablesProxy } from './iptables-proxy.ts'

// Real iptables, routes and sockets in network namespaces that vanish with the process: the file runs itself again inside.

const INSIDE = process.env['BRAMBLE_TEST_INSIDE'] === '1'
const SETUP = 'mount -t tmpfs tmpfs /run && mkdir -p /run/netns /run/lock && ip link set lo up && exec "$@"'

if (!INSIDE) {
  test('service rules route real connections', (t) => {
    if (process.getuid?.() !== 0) return t.skip('needs root')
    const env: NodeJS.ProcessEnv = { ...process.env, BRAMBLE_TEST_INSIDE: '1' }
    delete env['NODE_TEST_CONTEXT']
    const ran = spawnSync(
      'unshare',
      [
        '--net',
        '--mount',
        '--propagation',
        'private',
        'sh',
        '-c',
        SETUP,
        'sh',
        process.execPath,
        '--test-reporter=spec',
        fileURLToPath(import.meta.url),
      ],
      { env, encoding: 'utf8', timeout: 180_000 },
    )
    assert.equal(ran.status, 0, ran.stdout + ran.stderr)
  })
} else {
  const sh = (command: string): string => execFileSync('sh', ['-ec', command], { encoding: 'utf8' })
  const NODE_IP = '198.51.100.11'
  const SERVER = `require('http').createServer((q, s) => s.end(process.argv[1] + ' ' + q.socket.remoteAddress.replace('::ffff:', ''))).listen(8080, '0.0.0.0', () => console.log('up'));
    require('dgram').createSocket('udp4').on('message', function (m, r) { this.send(process.argv[1], r.port, r.address) }).bind(5353)`
  const servers: ChildProcess[] = []

  before(async () => {
    sh(`ip netns add out; ip link add eth0 type veth peer name eth0 netns out; ip addr add ${NODE_IP}/24 dev eth0; ip link set eth0 up
      ip -n out addr add 198.51.100.100/24 dev eth0; ip -n out link set eth0 up; ip -n out link set lo up; ip route add 10.43.0.0/16 dev eth0; ip -n out route add 10.43.0.0/16 via ${NODE_IP}
      sysctl -qw net.ipv4.ip_forward=1`)
    for (const pod of ['1', '2']) {
      sh(`ip netns add p${pod}; ip link add v${pod} type veth peer name eth0 netns p${pod}; ip link set v${pod} up; ip -n p${pod} link set lo up; ip -n p${pod} addr add 10.42.0.${pod}/32 dev eth0
        ip -n p${pod} link set eth0 up; ip route add 10.42.0.${pod}/32 dev v${pod}; ip -n p${pod} route add 169.254.1.1 dev eth0 scope link; ip -n p${pod} route add default via 169.254.1.1
        ip -n p${pod} neigh replace 169.254.1.1 lladdr $(cat /sys/class/net/v${pod}/address 2>/dev/null || ip -o link show v${pod} | sed 's/.*ether \\([^ ]*\\).*/\\1/') dev eth0 nud permanent`)
      const server = spawn('ip', ['netns', 'exec', `p${pod}`, process.execPath, '-e', SERVER, `10.42.0.${pod}`], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      servers.push(server)
      await new Promise((resolve) => server.stdout!.once('data', resolve))
    }
  })
  after(() => {
    for (const server of servers) server.kill('SIGKILL')
  })

  const proxy = new IptablesProxy(systemClock)
  const backend = (pod: number, local = true): Backend => ({ ip: `10.42.0.${pod}`, port: 8080, local })
  const forward = (change: Partial<ServiceForward>): ServiceForward => ({
    id: 'default/web:80',
    protocol: 'TCP',
    clusterIp: '10.43.0.10',
    port: 80,
    nodePort: 30080,
    externalLocal: false,
    internalLocal: false,
    backends: [backend(1), backend(2)],
    ...change,
  })
  const table = (...forwards: ServiceForward[]): ServiceTable => ({ podNetwork: '10.42.0.0/16', serviceNetwork: '10.43.0.0/16', forwards })
  const use = (...forwards: ServiceForward[]) => proxy.sync(table(...forwards), AbortSignal.timeout(30_000))
  /** What the server said, or how curl failed. */
  const ask = (from: 'host' | 'out' | 'p1' | 'p2', where: string): string => {
    const inside = from === 'host' ? [] : ['ip', 'netns', 'exec', from]
    const [file, ...args] = [...inside, 'curl', '--noproxy', '*', '-s', '-m', '2', `http://${where}/`]
    const ran = spawnSync(file!, args, { encoding: 'utf8' })
    return ran.status === 0 ? ran.stdout : `curl ${ran.status}`
  }
  const askMany = (from: 'host' | 'out' | 'p1' | 'p2', where: string): Set<string> =>
    new Set(Array.from({ length: 24 }, () => ask(from, where)))
  const udp = (from: string, port: number): string =>
    execFileSync(
      'ip',
      [
        'netns',
        'exec',
        from,
        process.execPath,
        '-e',
        `const s=require('dgram').createSocket('udp4').bind(${port}).on('message',(m)=>{console.log(String(m));process.exit()});s.send('x',53,'10.43.0.53');setTimeout(()=>{console.log('silence');process.exit()},1500)`,
      ],
      { encoding: 'utf8' },
    ).trim()

  describe('iptables', { concurrency: false }, () => {
    test('a pod reaches a cluster IP, both backends answer, and its own address is kept', async () => {
      await use(forward({}))
      const seen = askMany('p1', '10.43.0.10')
      assert.ok(seen.has('10.42.0.2 10.42.0.1'), [...seen].join())
      assert.ok(
        [...seen].some((answer) => answer.startsWith('10.42.0.1 ')),
        'hairpin: the pod reaches itself',
      )
    })
    test('the host reaches a cluster IP and its own node port, also by 127.0.0.1', () => {
      assert.equal(askMany('host', '10.43.0.10').size, 2)
      assert.match(ask('host', `${NODE_IP}:30080`), /^10\.42\.0\./)
      assert.match(ask('host', '127.0.0.1:30080'), /^10\.42\.0\./)
    })
    test('a client outside reaches the node port', () => assert.equal(askMany('out', `${NODE_IP}:30080`).size, 2))
    test('nobody outside reaches 127.0.0.1 by the switch that lets the host do so', () => {
      sh(
        'ip netns exec out ip route add 127.0.0.0/8 via 198.51.100.11 table local 2>/dev/null || true; ip netns exec out sysctl -qw net.ipv4.conf.all.route_localnet=1',
      )
      const listener = spawn(
        process.execPath,
        ['-e', "require('http').createServer((q,s)=>s.end('private')).listen(9999,'127.0.0.1',()=>console.log('up'))"],
        { stdio: ['ignore', 'pipe', 'ignore'] },
      )
      try {
        assert.notEqual(ask('out', '127.0.0.1:9999'), 'private')
      } finally {
        listener.kill('SIGKILL')
      }
    })
    test('externalTrafficPolicy Local keeps the client address', async () => {
      await use(forward({ externalLocal: true, backends: [backend(1), backend(2, false)] }))
      assert.deepEqual(askMany('out', `${NODE_IP}:30080`), new Set(['10.42.0.1 198.51.100.100']))
    })
    test('externalTrafficPolicy Local without a backend here drops', async () => {
      await use(forward({ externalLocal: true, backends: [backend(2, false)] }))
      assert.equal(ask('out', `${NODE_IP}:30080`), 'curl 28')
    })
    test('ClientIP affinity stays with one backend', async () => {
      await use(forward({ affinitySeconds: 60 }))
      assert.equal(askMany('out', `${NODE_IP}:30080`).size, 1)
    })
    test('without backends everyone is refused at once', async () => {
      await use(forward({ backends: [] }))
      for (const [from, where] of [
        ['p1', '10.43.0.10'],
        ['host', '10.43.0.10'],
        ['out', `${NODE_IP}:30080`],
      ] as const)
        assert.equal(ask(from, where), 'curl 7', `${from} ${where}`)
    })
    test('a UDP client follows when the backend moves', async () => {
      const dns = (pod: number) =>
        forward({
          id: 'default/dns:53',
          protocol: 'UDP',
          clusterIp: '10.43.0.53',
          port: 53,
          nodePort: 30053,
          backends: [{ ip: `10.42.0.${pod}`, port: 5353, local: true }],
        })
      await use(dns(2))
      assert.equal(udp('p1', 4000), '10.42.0.2')
      await use(dns(1))
      assert.equal(udp('out', 4001), '10.42.0.1')
      await use(dns(2))
      assert.equal(udp('out', 4001), '10.42.0.2')
    })
    test('an unchanged table writes nothing, one change writes its chains', async () => {
      await use(forward({}))
      assert.equal((await use(forward({}))).chainsWritten, 0)
      assert.ok((await use(forward({ backends: [backend(1)] }))).chainsWritten <= 3)
    })
    for (const [what, command] of [
      ['a flush of the nat table', 'iptables -t nat -F'],
      ['a deleted jump', 'iptables -t nat -D PREROUTING 1'],
      ['a deleted rule of a service', "iptables -t nat -D $(iptables -t nat -S | grep -o 'BRAMBLE-SVC-[0-9A-F]*' | head -1) 1"],
    ] as const) {
      test(`${what} is noticed and mended`, { timeout: 20_000 }, async () => {
        const stop = new AbortController()
        const noticed = proxy.disturbances(stop.signal)[Symbol.asyncIterator]()
        const next = noticed.next()
        await monitorIsUp()
        sh(command)
        assert.equal((await next).done, false)
        await use(forward({}))
        assert.equal(await proxy.isIntact(), true)
        assert.equal(askMany('p1', '10.43.0.10').size, 2)
        stop.abort()
        await noticed.return?.()
      })
    }
    test('a new agent takes over what an old one left, stale chains included', async () => {
      await use(forward({}), forward({ id: 'default/old:80', clusterIp: '10.43.9.9', nodePort: 30099 }))
      await new IptablesProxy(systemClock).sync(table(forward({})), AbortSignal.timeout(30_000))
      const rules = sh('iptables-save -t nat')
      assert.ok(!rules.includes('10.43.9.9'))
      assert.equal(rules.match(/-A PREROUTING .*BRAMBLE-SERVICES/g)?.length, 1)
    })
    test('remove leaves nothing, and rules of others stay', async () => {
      sh('iptables -t nat -N OTHER; iptables -t nat -A PREROUTING -j OTHER')
      await proxy.remove()
      assert.ok(!/BRAMBLE/.test(sh('iptables-save')))
      assert.match(sh('iptables-save'), /-A PREROUTING -j OTHER/)
    })
  })

  /** The monitor process exists and listens: its netlink socket is there. */
  async function monitorIsUp(): Promise<void> {
    for (let tries = 0; tries < 200; tries++) {
      if (
        spawnSync('pgrep', ['-P', String(process.pid), '-f', 'xtables-monitor']).status === 0 &&
        /\n\S+ 12 /.test(sh('cat /proc/net/netlink'))
      )
        return
      await systemClock.sleep(20)
    }
    throw new Error('xtables-monitor did not start')
  }
}
