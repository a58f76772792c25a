import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import { systemClock } from '@bramble/reconcile/env'
import { runCommand } from '../../../apps/node-agent/src/host/exec.ts'
import { createLab, type Lab, OUTSIDE } from './lab.ts'

const NAME = 'brt-lab'
const skip = process.getuid?.() === 0 ? false : 'needs root for namespaces'

describe('a laboratory of three hosts', { skip, timeout: 180_000 }, () => {
  let lab: Lab
  before(async () => {
    lab = await createLab({ hosts: 3, name: NAME })
  })
  after(async () => {
    await lab.down()
    await lab.down()
    assert.deepEqual(
      (await readdir('/run/netns')).filter((name) => name.startsWith(NAME)),
      [],
    )
    assert.equal(existsSync(`/tmp/bramble-lab-${NAME}`), false)
    assert.doesNotMatch((await runCommand('find', ['/sys/fs/cgroup', '-maxdepth', '2', '-name', `${NAME}*`])).stdout, /./)
    assert.doesNotMatch((await runCommand('ps', ['-e', '-o', 'args'])).stdout, new RegExp(`bramble-lab-${NAME}`))
  })

  it('hosts have names, addresses and processes of their own', async () => {
    const { stdout } = await lab.run('h2', [
      'sh',
      '-c',
      'hostname; cat /proc/1/comm; ip -4 -o addr show dev eth0; ls /run/netns /var/lib/containers',
    ])
    assert.match(stdout, /^h2\nsh\n.*198\.51\.100\.12\/24/)
    assert.doesNotMatch(stdout, new RegExp(NAME))
  })

  it('hosts and the outside reach each other', async () => {
    const server = await serve(lab, 'h3')
    for (const from of ['h1', 'h2', 'h3', OUTSIDE]) assert.equal(await ask(lab, from, 'h3'), lab.ip(from))
    process.kill(server.pid)
    assert.deepEqual(await server.ended, {})
  })

  it('a host that is cut off is not reached, and is again when it is back', async () => {
    const server = await serve(lab, 'h2')
    await ask(lab, 'h1', 'h2')
    await lab.cut('h2')
    await assert.rejects(ask(lab, 'h1', 'h2'))
    await lab.join('h2')
    assert.equal(await ask(lab, 'h1', 'h2'), lab.ip('h1'))
    process.kill(server.pid)
  })

  it('what is written on one host is not seen on another', async () => {
    await lab.run('h1', [
      'sh',
      '-c',
      'for folder in /etc /etc/cni/net.d /var/lib/bramble /var/log/pods /run /dev/shm; do echo x > $folder/lab-note; done',
    ])
    for (const where of ['/etc', '/etc/cni/net.d', '/var/lib/bramble', '/var/log/pods', '/run', '/dev/shm']) {
      assert.equal(existsSync(`${where}/lab-note`), false, where)
      assert.equal((await lab.run('h2', ['ls', `${where}/lab-note`], { exitCodes: 'any' })).exitCode, 2, where)
    }
  })

  it('podman runs on a host, in groups of that host', async () => {
    await lab.run('h1', [process.execPath, 'tools/images/build.ts'])
    const run = [
      'podman',
      'run',
      '--rm',
      '--network',
      'host',
      '--cgroup-parent',
      '/pods',
      '--ulimit',
      'nofile=1024:1024',
      '--ulimit',
      'nproc=1024:1024',
    ]
    const { stdout } = await lab.run('h1', [...run, 'localhost/busybox', 'sh', '-c', 'hostname; echo $((6 * 7))'])
    assert.equal(stdout, 'h1\n42\n')
    assert.equal(existsSync('/sys/fs/cgroup/cpuacct/pods'), false)
    const cpuMs = await lab.cpuMilliseconds('h1')
    assert.ok(cpuMs === undefined || cpuMs > 10)
  })

  it('a power cut ends every process; the disk stays, memory and network are as new', async () => {
    const server = await serve(lab, 'h1')
    await lab.run('h1', [
      'sh',
      '-c',
      'echo kept > /var/lib/bramble/disk-note; echo lost > /run/memory-note; ip route add 10.42.9.0/24 via 198.51.100.12',
    ])
    await lab.kill('h1')
    await server.ended
    await assert.rejects(lab.run('h1', ['true']), /h1 is switched off/)
    await lab.start('h1')
    const { stdout } = await lab.run('h1', ['sh', '-c', 'cat /var/lib/bramble/disk-note; ls /run; ip route'])
    assert.match(stdout, /^kept\n/)
    assert.doesNotMatch(stdout, /memory-note|10\.42\.9/)
    const again = await serve(lab, 'h1')
    assert.equal(await ask(lab, 'h2', 'h1'), lab.ip('h2'))
    assert.equal(await readFile(again.outputPath, 'utf8'), 'listening\n')
  })
})

it('a laboratory that was left behind is cleared away by the next of its name', { skip }, async () => {
  const left = await createLab({ hosts: 1, name: `${NAME}-left` })
  const { pid } = await left.spawn('h1', ['sleep', '600'])
  const next = await createLab({ hosts: 1, name: `${NAME}-left` })
  assert.equal(existsSync(`/proc/${pid}`), false)
  await next.down()
})

const PORT = 9000

async function serve(lab: Lab, host: string) {
  const program = `require('net').createServer((socket) => socket.end(socket.remoteAddress.replace('::ffff:', ''))).listen(${PORT}, () => console.log('listening'))`
  const server = await lab.spawn(host, [process.execPath, '-e', program])
  while ((await readFile(server.outputPath, 'utf8')) === '') await systemClock.sleep(10)
  return server
}

const ASK = `const socket = require('net').connect({ host: process.argv[1], port: ${PORT} }).on('data', (data) => process.stdout.write(data)).on('error', () => process.exit(3))
setTimeout(() => process.exit(2), 1500).unref(); socket.on('close', () => process.exit(0))`
const ask = async (lab: Lab, from: string, to: string): Promise<string> =>
  (await lab.run(from, [process.execPath, '-e', ASK, lab.ip(to)])).stdout
