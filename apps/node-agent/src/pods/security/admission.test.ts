import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PodSpec } from '@bramble/api/types/pod'
import { sandboxConfig } from '../container-config.ts'
import { aContainer, aPod } from '../pods-harness.ts'
import { refusalOf } from './admission.ts'
import { oomScoreAdj } from './oom-score.ts'
import { isNamespacedSysctl, sysctlName } from './sysctls.ts'

const sysctls = (...names: readonly string[]): Partial<PodSpec> => ({
  securityContext: { sysctls: names.map((name) => ({ name, value: '1' })) },
})

for (const [sentence, spec, unsafe, expected] of [
  ['an ordinary pod', {}, [], undefined],
  ['a safe setting', sysctls('net.ipv4.ip_unprivileged_port_start', 'kernel.shm_rmid_forced'), [], undefined],
  ['a safe one written with slashes', sysctls('net/ipv4/tcp_syncookies'), [], undefined],
  ['an unsafe one', sysctls('net.core.somaxconn'), [], 'SysctlForbidden: forbidden sysctl: "net.core.somaxconn" not allowlisted'],
  ['an unsafe one that is allowed', sysctls('net.core.somaxconn'), ['net.core.somaxconn'], undefined],
  ['an unsafe one that is allowed with others', sysctls('kernel.msgmax'), ['kernel.msg*'], undefined],
  ['one like it', sysctls('kernel.sem'), ['kernel.msg*'], 'SysctlForbidden: forbidden sysctl: "kernel.sem" not allowlisted'],
  [
    'one of the machine, allowed or not',
    sysctls('vm.swappiness'),
    ['vm.swappiness'],
    'SysctlForbidden: forbidden sysctl: "vm.swappiness" not allowlisted',
  ],
  [
    'one of a network that is the host’s',
    { ...sysctls('net.ipv4.tcp_syncookies'), hostNetwork: true },
    [],
    'SysctlForbidden: forbidden sysctl: "net.ipv4.tcp_syncookies" not allowed with host net enabled',
  ],
  [
    'one of memory that is the host’s',
    { ...sysctls('kernel.shm_rmid_forced'), hostIPC: true },
    [],
    'SysctlForbidden: forbidden sysctl: "kernel.shm_rmid_forced" not allowed with host ipc enabled',
  ],
  [
    'a profile that the kernel cannot enforce',
    { securityContext: { appArmorProfile: { type: 'RuntimeDefault' } } },
    [],
    'AppArmor: Cannot enforce AppArmor: AppArmor is not enabled on the host',
  ],
  ['no profile, in so many words', { securityContext: { appArmorProfile: { type: 'Unconfined' } } }, [], undefined],
  [
    'huge pages',
    { containers: [aContainer('a', { resources: { limits: { 'hugepages-2Mi': '4Mi' } } })] },
    [],
    "OutOfhugepages-2Mi: Node didn't have enough resource: hugepages-2Mi, requested: 4194304, used: 0, capacity: 0",
  ],
] as const)
  test(`${sentence}: ${expected ? 'refused' : 'taken'}`, () => {
    const refusal = refusalOf(aPod('web', spec as Partial<PodSpec>), { unsafeSysctls: unsafe, hasAppArmor: false })
    assert.equal(refusal && `${refusal.reason}: ${refusal.message}`, expected)
  })

test('with AppArmor in the kernel profiles are taken', () => {
  const pod = aPod('web', { securityContext: { appArmorProfile: { type: 'RuntimeDefault' } } })
  assert.equal(refusalOf(pod, { unsafeSysctls: [], hasAppArmor: true }), undefined)
})

for (const [written, name] of [
  ['net.ipv4.tcp_rmem', 'net.ipv4.tcp_rmem'],
  ['net/ipv4/tcp_rmem', 'net.ipv4.tcp_rmem'],
  ['net/ipv4/conf/eth0.100/forwarding', 'net.ipv4.conf.eth0/100.forwarding'],
  ['net.ipv4.conf.eth0/100.forwarding', 'net.ipv4.conf.eth0/100.forwarding'],
] as const)
  test(`${written} is ${name}`, () => assert.equal(sysctlName(written), name))

test('an operator may allow what belongs to a namespace alone', () => {
  for (const name of ['net.core.*', 'kernel.msg*', 'kernel.sem', 'fs.mqueue.*']) assert.equal(isNamespacedSysctl(name), true, name)
  for (const name of ['vm.*', 'kernel.*', 'fs.file-max', '*']) assert.equal(isNamespacedSysctl(name), false, name)
})

test('a sandbox gets settings under their usual names, a limit of processes, and no users of its own', () => {
  const config = sandboxConfig(aPod('web', sysctls('net/ipv4/tcp_syncookies')), '/logs', 'pi-1', 'cluster.local', 512)
  assert.deepEqual([config.sysctls, config.resources.pidsLimit], [{ 'net.ipv4.tcp_syncookies': '1' }, 512])
  assert.throws(() => sandboxConfig(aPod('web', { hostUsers: false }), '/logs', 'pi-1'), {
    reason: 'CreatePodSandboxError',
    message: "can't set `spec.hostUsers: false`, runtime does not support user namespaces",
  })
})

const asks = (name: string, memory: string, more = {}) => aContainer(name, { resources: { requests: { memory } }, ...more })
const main = [asks('main', '512Mi')]
for (const [sentence, name, spec, expected] of [
  ['what the node cannot do without goes last', 'main', { priorityClassName: 'system-node-critical' }, -997],
  ['who asked for half of the memory', 'main', { containers: main }, 500],
  [
    'a sidecar is as safe as those it serves',
    'side',
    { containers: main, initContainers: [asks('side', '1Mi', { restartPolicy: 'Always' })] },
    500,
  ],
  ['an init container is not', 'init', { containers: main, initContainers: [asks('init', '1Mi')] }, 999],
  [
    'what a pod asks for beyond its containers is theirs in equal parts',
    'main',
    { containers: [asks('main', '256Mi'), aContainer('b')], resources: { requests: { memory: '768Mi' } } },
    500,
  ],
] as const)
  test(`killed when memory runs out: ${sentence}`, () => {
    const pod = aPod('web', spec as Partial<PodSpec>)
    const container = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].find((each) => each.name === name)!
    assert.equal(oomScoreAdj(pod, container, 2 ** 30), expected)
  })
