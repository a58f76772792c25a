import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { etcHosts, namespaceOfSysctl, podResolvConf } from './pod-files.ts'

describe('files of a pod', () => {
  it('hosts has the pod and its aliases', () => {
    assert.match(
      etcHosts('web', '10.42.0.5', [{ ip: '192.0.2.1', hostnames: ['db', 'db.local'] }]),
      /\n10\.42\.0\.5\tweb\n192\.0\.2\.1\tdb\tdb\.local\n$/,
    )
  })
  it('a name server on the loopback is no use to a pod', () => {
    assert.equal(podResolvConf('nameserver 127.0.0.53\n', 'nameserver 192.0.2.53\n'), 'nameserver 192.0.2.53\n')
    assert.equal(podResolvConf('nameserver 192.0.2.1\n', 'nameserver 192.0.2.53\n'), 'nameserver 192.0.2.1\n')
    assert.equal(podResolvConf('nameserver 127.0.0.1\n', undefined), 'nameserver 127.0.0.1\n')
  })
})

describe('settings of the kernel', () => {
  for (const [name, want] of [
    ['net.ipv4.ip_local_port_range', 'net'],
    ['net/core/somaxconn', 'net'],
    ['kernel.shmmax', 'ipc'],
    ['kernel.msgmax', 'ipc'],
    ['kernel.sem', 'ipc'],
    ['fs.mqueue.msg_max', 'ipc'],
    ['kernel.semaphores_of_mine', undefined],
    ['kernel.panic', undefined],
    ['vm.swappiness', undefined],
  ] as const)
    it(`${name} is ${want === undefined ? "the whole machine's" : `of the ${want} namespace`}`, () =>
      assert.equal(namespaceOfSysctl(name), want))
})
