import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { create } from '@bufbuild/protobuf'
import { containerConfig as asked, podSandboxConfig } from '../runtime/cri/convert.ts'
import {
  ContainerConfigSchema,
  DNSConfigSchema,
  type PodSandboxConfig,
  PodSandboxConfigSchema,
  SecurityProfile_ProfileType as ProfileType,
} from '../runtime/cri/grpc/api_pb.js'
import type { ContainerConfig, SandboxConfig } from '../runtime/runtime.ts'
import { seeded } from '@bramble/reconcile/sim/seeded'
import { recordText, readRecord } from './container-record.ts'
import { containerConfig, logPath } from './convert-container.ts'
import { resolvConf, sandboxConfig, sandboxId } from './convert-sandbox.ts'
import { networkStats } from './convert-stats.ts'
import { subnetIn } from './server-network.ts'

const ROUNDS = 300
const HOST = { oomScoreAdjMin: -1000, hasMemoryController: true, hasGroupsPolicy: true }
const FILES = { hosts: '/run/p/hosts', hostname: '/run/p/hostname', resolvConf: '/run/p/resolv.conf' }

describe('what an agent asks over CRI is what the runtime behind it is told', () => {
  test('sandboxes, whatever is in them', () => {
    const random = seeded(11)
    for (let round = 0; round < ROUNDS; round++) {
      const wanted = anySandbox(random)
      const parent = `/bramble/${wanted.resources.qosClass === 'Guaranteed' ? '' : `${wanted.resources.qosClass.toLowerCase()}/`}pod${wanted.podUid}`
      const config = create(PodSandboxConfigSchema, podSandboxConfig(wanted, parent))
      const id = sandboxId(config)
      const { podUid: _, hostname, sharedProcesses, portMappings, ...told } = sandboxConfig(id, config, 'the-host')
      const { podUid: __, hostname: name, sharedProcesses: shared, portMappings: ports, ...rest } = wanted
      assert.deepEqual(told, { ...rest, cgroupParent: parent })
      assert.equal(hostname, wanted.hostNetwork ? 'the-host' : name)
      assert.equal(sharedProcesses, shared && !wanted.hostPid)
      assert.deepEqual(portMappings, wanted.hostNetwork ? [] : ports)
    }
  })
  test('containers, whatever is in them', () => {
    const random = seeded(12)
    for (let round = 0; round < ROUNDS; round++) {
      const sandbox = anySandbox(random)
      const config = anyContainer(random, sandbox)
      const cri = create(ContainerConfigSchema, asked({ sandbox, config, files: FILES, host: HOST }))
      const told = containerConfig({ config: cri, sandbox, image: config.image, resolvConf: undefined, record: 'kept' })
      const mounts = told.mounts.filter(({ hostPath }) => !hostPath.startsWith('/run/p/'))
      assert.deepEqual({ ...told, mounts, annotations: config.annotations }, config)
    }
  })
  test('what is kept of a container comes back, and no command or environment with it', () => {
    const random = seeded(13)
    const sandbox = anySandbox(random)
    const pod = create(PodSandboxConfigSchema, podSandboxConfig(sandbox, '/x'))
    const config = create(
      ContainerConfigSchema,
      asked({ sandbox, config: { ...anyContainer(random, sandbox), env: [{ name: 'KEY', value: 'hush' }] }, files: FILES, host: HOST }),
    )
    const text = recordText(config, pod)
    assert.doesNotMatch(text, /hush/)
    const record = readRecord(text)!
    assert.deepEqual([record.config.metadata, record.config.annotations], [config.metadata, config.annotations])
    assert.deepEqual([record.pod.labels, record.pod.logDirectory], [pod.labels, pod.logDirectory])
    assert.deepEqual([readRecord(undefined), readRecord('no JSON')], [undefined, undefined])
  })
})

describe('what is told in words of CRI alone', () => {
  const pod = (attempt: number, uid = 'u'): PodSandboxConfig =>
    create(PodSandboxConfigSchema, { metadata: { name: 'web', namespace: 'shop', uid, attempt } })
  test('an id depends on name, namespace, uid and attempt alone', () => {
    assert.equal(sandboxId(pod(0)), sandboxId(pod(0)))
    assert.equal(new Set([pod(0), pod(1), pod(0, 'v')].map(sandboxId)).size, 3)
    assert.match(sandboxId(pod(0, '../../etc')), /^[0-9a-f]{64}$/)
  })
  test('name servers are written as containerd writes them; without any the pod gets those of the host', () => {
    const dns = create(DNSConfigSchema, { servers: ['10.43.0.10'], searches: ['a.svc', 'svc'], options: ['ndots:5'] })
    assert.equal(resolvConf(dns), 'search a.svc svc\nnameserver 10.43.0.10\noptions ndots:5\n')
    assert.equal(resolvConf(create(DNSConfigSchema, {})), undefined)
    assert.throws(() => resolvConf(create(DNSConfigSchema, { servers: ['1.1.1.1\noptions debug'] })), /white space/)
  })
  test('a pod that says nothing shares its processes, as CRI has it, and gets the usual rights', () => {
    const sandbox = sandboxConfig('id', pod(0), 'host')
    assert.deepEqual([sandbox.sharedProcesses, sandbox.hostname, sandbox.logDirectory], [true, 'web', '/dev/null'])
    const bare = create(ContainerConfigSchema, { metadata: { name: 'main' } })
    const { security, resources } = containerConfig({ config: bare, sandbox, image: 'i', resolvConf: '/r', record: '' })
    assert.deepEqual(
      [security.seccomp, security.procMount, resources],
      [{ type: 'runtime-default' }, 'default', { cpuRequestMillis: 1000 }],
    )
  })
  for (const { name, path, folder, want } of [
    { name: 'below the folder', path: 'main/0.log', folder: '/logs', want: '/logs/main/0.log' },
    { name: 'nowhere without a path', path: '', folder: '/logs', want: '/dev/null' },
    { name: 'nowhere without a folder', path: 'x', folder: '', want: '/dev/null' },
  ])
    test(`a log is ${name}`, () => assert.equal(logPath(path, folder), want))
  test('a log leads nowhere else', () => assert.throws(() => logPath('../../etc/passwd', '/logs'), /leads out/))
  test('bytes of interfaces, without the loopback', () => {
    const text = ' Inter-|   Receive\n lo: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n eth0: 500 5 1 0 0 0 0 0 700 7 2 0 0 0 0 0\n'
    const { defaultInterface, interfaces } = networkStats(1n, text)
    assert.deepEqual(
      [defaultInterface, interfaces],
      [{ name: 'eth0', rxBytes: { value: 500n }, rxErrors: { value: 1n }, txBytes: { value: 700n }, txErrors: { value: 2n } }, []],
    )
  })
  for (const { name, text, want } of [
    { name: 'ranges', text: '{"plugins":[{"type":"ptp","ipam":{"ranges":[[{"subnet":"10.42.3.0/24"}]]}}]}', want: '10.42.3.0/24' },
    { name: 'a subnet', text: '{"plugins":[{"type":"x"},{"ipam":{"subnet":"10.1.0.0/16"}}]}', want: '10.1.0.0/16' },
    { name: 'no addresses of its own', text: '{"plugins":[{"type":"calico"}]}', want: undefined },
    { name: 'no JSON', text: 'no', want: undefined },
  ])
    test(`addresses in a network's file: ${name}`, () => assert.equal(subnetIn(text), want))
  test('a profile of the node is an absolute path', () => {
    const config = create(ContainerConfigSchema, {
      metadata: { name: 'main' },
      linux: { securityContext: { seccomp: { profileType: ProfileType.Localhost, localhostRef: 'localhost//p.json' } } },
    })
    const sandbox = sandboxConfig('id', pod(0), 'host')
    const told = containerConfig({ config, sandbox, image: 'i', resolvConf: undefined, record: '' })
    assert.deepEqual(told.security.seccomp, { type: 'localhost', path: '/p.json' })
  })
})

type Random = () => number
const oneOf = <T>(random: Random, values: readonly T[]): T => values[Math.floor(random() * values.length)]!
const maybe = (random: Random): boolean => random() < 0.5

function anySandbox(random: Random): SandboxConfig {
  const qosClass = oneOf(random, ['Guaranteed', 'Burstable', 'BestEffort'] as const)
  return {
    podUid: `uid-${Math.floor(random() * 1000)}`,
    namespace: 'shop',
    name: oneOf(random, ['web', 'web-0']),
    hostname: oneOf(random, ['web', 'a.b']),
    hostNetwork: maybe(random),
    hostPid: maybe(random),
    hostIpc: maybe(random),
    sharedProcesses: maybe(random),
    ...(maybe(random) && { privileged: true }),
    resources: {
      qosClass,
      cpuRequestMillis: qosClass === 'BestEffort' ? 0 : oneOf(random, [3, 100, 250, 4000]),
      ...(maybe(random) && { cpuLimitMillis: oneOf(random, [10, 500]) }),
      ...(maybe(random) && { memoryLimitBytes: 64 << 20 }),
    },
    portMappings: maybe(random)
      ? [{ hostPort: 80, containerPort: 8080, protocol: oneOf(random, ['tcp', 'udp']), hostIp: '192.0.2.1' }]
      : [],
    logDirectory: '/var/log/pods/shop_web',
    sysctls: maybe(random) ? { 'net.core.somaxconn': '1024' } : {},
  }
}

function anyContainer(random: Random, { logDirectory }: SandboxConfig): ContainerConfig {
  const privileged = maybe(random)
  const user = oneOf(random, [{}, { user: 1000 }, { user: 0, group: 7 }, { userName: 'nobody' }, { userName: 'nobody', group: 9 }])
  return {
    name: oneOf(random, ['main', 'side.car']),
    attempt: Math.floor(random() * 5),
    image: 'sha256:abc',
    imageReference: 'nginx',
    command: maybe(random) ? ['/bin/sh', '-c'] : [],
    args: maybe(random) ? ['echo "a b"', ''] : [],
    ...(maybe(random) && { workingDirectory: '/tmp' }),
    env: maybe(random) ? [{ name: 'WHO', value: 'ä "x" = $Y' }] : [],
    mounts: maybe(random)
      ? [
          {
            hostPath: '/data',
            containerPath: '/in',
            readOnly: true,
            recursiveReadOnly: true,
            ...(maybe(random) && { propagation: 'rslave' as const }),
          },
        ]
      : [],
    logPath: `${logDirectory}/main/0.log`,
    resources: {
      cpuRequestMillis: oneOf(random, [0, 3, 150]),
      ...(maybe(random) && { cpuLimitMillis: 1500 }),
      ...(maybe(random) && { memoryLimitBytes: 32 << 20 }),
    },
    oomScoreAdj: oneOf(random, [-997, 0, 1000]),
    devices: maybe(random) ? [{ hostPath: '/dev/fuse', containerPath: '/dev/x', permissions: 'rw' }] : [],
    ...(maybe(random) && { stopSignal: oneOf(random, ['SIGUSR1', 'SIGRTMIN+3', 'SIGRTMAX-2']) }),
    security: {
      ...user,
      supplementalGroups: maybe(random) ? [5, 6] : [],
      ...(maybe(random) && { supplementalGroupsPolicy: 'strict' as const }),
      ...(maybe(random) && { appArmorProfile: oneOf(random, ['unconfined', 'mine']) }),
      privileged,
      readOnlyRoot: maybe(random),
      noNewPrivileges: maybe(random),
      addCapabilities: maybe(random) ? ['NET_ADMIN'] : [],
      dropCapabilities: maybe(random) ? ['ALL'] : [],
      seccomp: oneOf(random, [{ type: 'runtime-default' }, { type: 'unconfined' }, { type: 'localhost', path: '/p.json' }] as const),
      procMount: privileged ? 'default' : oneOf(random, ['default', 'unmasked']),
    },
    tty: maybe(random),
    stdin: maybe(random),
    stdinOnce: maybe(random),
    terminationMessagePath: '/dev/termination-log',
    annotations: { a: 'b' },
  }
}
