import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ContainerConfig } from '../runtime.ts'
import { PLAIN_SECURITY, type PodUnderTest, type PromiseOf } from './pod-under-test.ts'

const security = (change: Partial<ContainerConfig['security']>): Partial<ContainerConfig> => ({
  security: { ...PLAIN_SECURITY, ...change },
})

/** Refuses mkdir and mkdirat, allows the rest. Source: OCI runtime specification, "Seccomp". */
const NO_FOLDERS = { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO' }] }

/** What a process may see and do. Everything here needs real processes. */
export function securityPromises(promise: PromiseOf): void {
  const real = (title: string, body: (pod: PodUnderTest) => Promise<void>): void => promise(title, body, true)

  real('system calls are filtered, unless the pod says otherwise', async (pod) => {
    const mode = async (id: string): Promise<string> => (await pod.shell(id, 'grep Seccomp: /proc/1/status')).trim()
    const usual = await pod.start({ name: 'usual' })
    const free = await pod.start({ name: 'free', ...security({ seccomp: { type: 'unconfined' } }) })
    assert.deepEqual([await mode(usual), await mode(free)], ['Seccomp:\t2', 'Seccomp:\t0'])
  })
  real('a profile of the node filters system calls', async (pod) => {
    const path = join(pod.harness.folder, 'no-folders.json')
    await writeFile(path, JSON.stringify(NO_FOLDERS))
    const id = await pod.start(security({ seccomp: { type: 'localhost', path } }))
    assert.match(await pod.shell(id, 'mkdir /x; touch /y && echo touched'), /not permitted[\s\S]*touched/)
  })
  real('a profile that is not there is a CreateContainerError', async (pod) => {
    await assert.rejects(pod.create(security({ seccomp: { type: 'localhost', path: '/no/such/profile.json' } })), {
      reason: 'CreateContainerError',
    })
  })
  real('/proc hides what is not for containers, unless the pod says otherwise', async (pod) => {
    const hidden = async (id: string): Promise<number> => Number(await pod.shell(id, 'grep -c " /proc/" /proc/mounts'))
    const usual = await pod.start({ name: 'usual' })
    const free = await pod.start({ name: 'free', ...security({ procMount: 'unmasked' }) })
    assert.ok((await hidden(usual)) > 3)
    assert.equal(await hidden(free), 0)
  })
  real('a device can be used as far as it is allowed, without privilege', async (pod) => {
    const device = { hostPath: '/dev/loop-control', containerPath: '/dev/bramble-test' }
    const tries = 'test -c /dev/bramble-test && exec 3<>/dev/bramble-test && echo read and written; exec 3</dev/bramble-test && echo read'
    const shell = async (name: string, permissions: string): Promise<string> => {
      const id = await pod.start({ name, devices: permissions === '' ? [] : [{ ...device, permissions }] })
      return pod.shell(id, `sh -c '${tries.split('; ')[0]}'; sh -c '${tries.split('; ')[1]}'`)
    }
    assert.equal((await shell('writer', 'rw')).trim(), 'read and written\nread')
    assert.match(await shell('reader', 'r'), /not permitted[\s\S]*\nread\n$/)
    assert.doesNotMatch(await shell('nobody', ''), /^read/m)
  })
  real('a device that is not there is a CreateContainerError, at the latest a RunContainerError', async (pod) => {
    const devices = [{ hostPath: '/dev/no-such-device', containerPath: '/dev/x', permissions: 'r' }]
    await assert.rejects(pod.start({ devices }), { name: 'RuntimeError' })
  })
  real('user and group are those of the pod, else the one that the image names', async (pod) => {
    const image = await pod.imageOfUser('nobody')
    const told = async (change: Partial<ContainerConfig>): Promise<string> => {
      const id = await pod.start({ image: image.id, ...change })
      return (await pod.shell(id, 'id -u; id -g')).trim()
    }
    assert.deepEqual([image.userName, image.userId], ['nobody', undefined])
    assert.equal(await told({ name: 'a', ...security({ userName: 'nobody' }) }), '65534\n65534')
    assert.equal(await told({ name: 'b', ...security({ userName: 'nobody', group: 77 }) }), '65534\n77')
    assert.equal(await told({ name: 'c', ...security({ user: 1000, group: 2000 }) }), '1000\n2000')
    assert.equal((await pod.imageOfUser('123')).userId, 123)
  })
  real('containers that share processes see each other, under a first one that reaps', async (pod) => {
    await pod.sandbox({ sharedProcesses: true })
    const [a, b] = [await pod.start({ name: 'a', args: ['sleep 611'] }), await pod.start({ name: 'b', args: ['sleep 612'] })]
    const seen = await pod.shell(a, 'for p in /proc/[0-9]*; do tr "\\0" " " < $p/cmdline; echo; done')
    assert.match(seen, /sleep 611/)
    assert.match(seen, /sleep 612/)
    assert.doesNotMatch(await pod.shell(b, 'tr "\\0" " " < /proc/1/cmdline'), /sleep/)
    await pod.shell(a, '(sleep 0.1 & exec true)')
    await pod.until(
      () => pod.shell(b, 'cat /proc/[0-9]*/status | grep -c "^State:.Z"; grep -l "sleep" /proc/[0-9]*/comm | wc -l'),
      (counts) => /^0\s+2\s*$/.test(counts),
      'reaped',
    )
    await pod.harness.runtime.removeContainer(a)
    assert.equal((await pod.container(b)).state, 'running')
  })
  real('an ephemeral container sees the processes of the one that it is for', async (pod) => {
    const main = await pod.start({ name: 'main', args: ['sleep 613'] })
    await pod.start({ name: 'other', args: ['sleep 614'] })
    for (const [name, processesOf] of Object.entries({ named: 'main', known: main })) {
      const id = await pod.start({ name, args: ['sleep 615'], processesOf })
      const seen = await pod.shell(id, 'for p in /proc/[0-9]*; do tr "\\0" " " < $p/cmdline; echo; done')
      assert.match(seen, /sleep 613/)
      assert.doesNotMatch(seen, /sleep 614/)
    }
  })
  real('settings of the kernel apply to the pod alone', async (pod) => {
    await pod.sandbox({ sysctls: { 'net.ipv4.ip_unprivileged_port_start': '81', 'kernel.shm_rmid_forced': '1' } })
    const id = await pod.start({})
    assert.equal(await pod.shell(id, 'cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/kernel/shm_rmid_forced'), '81\n1\n')
  })
  real('mounts below a mount are read-only with it when that is asked for', async (pod) => {
    const { folder } = pod.harness
    await mkdir(join(folder, 'outer/inner'), { recursive: true })
    const unmount = await pod.mountMemory(join(folder, 'outer/inner'))
    try {
      const mount = { hostPath: join(folder, 'outer'), containerPath: '/data', readOnly: true }
      const plain = await pod.start({ name: 'plain', mounts: [mount] })
      const whole = await pod.start({ name: 'whole', mounts: [{ ...mount, recursiveReadOnly: true }] })
      assert.match(await pod.shell(plain, 'touch /data/inner/x && echo written'), /written/)
      assert.match(await pod.shell(whole, 'touch /data/inner/y && echo written; touch /data/z'), /^(touch: .*Read-only file system\n){2}$/)
      await pod.remove()
    } finally {
      await unmount()
    }
  })
}
