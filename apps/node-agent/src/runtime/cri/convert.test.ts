import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { create } from '@bufbuild/protobuf'
import type { ContainerConfig, SandboxConfig } from '../runtime.ts'
import { ANNOTATION, authConfig, type ContainerParts, containerConfig, containerResources, podSandboxConfig } from './convert.ts'
import {
  type ContainerConfig as CriContainerConfig,
  ContainerConfigSchema,
  type LinuxContainerSecurityContext,
  MountPropagation,
  NamespaceMode,
  PodSandboxConfigSchema,
  Protocol,
  SecurityProfile_ProfileType as ProfileType,
  Signal,
  SupplementalGroupsPolicy,
} from './grpc/api_pb.js'

const SANDBOX: SandboxConfig = {
  podUid: 'uid-1',
  namespace: 'shop',
  name: 'web-0',
  hostname: 'web',
  hostNetwork: false,
  hostPid: false,
  hostIpc: false,
  sharedProcesses: false,
  resources: { qosClass: 'Burstable', cpuRequestMillis: 250, memoryLimitBytes: 64 << 20 },
  portMappings: [],
  logDirectory: '/var/log/pods/shop_web-0_uid-1',
  sysctls: {},
}
const CONTAINER: ContainerConfig = {
  name: 'main',
  attempt: 3,
  image: 'sha256:abc',
  imageReference: 'nginx',
  command: [],
  args: [],
  env: [],
  mounts: [],
  logPath: '/var/log/pods/shop_web-0_uid-1/main/3.log',
  resources: {},
  oomScoreAdj: 900,
  devices: [],
  tty: false,
  stdin: false,
  stdinOnce: false,
  terminationMessagePath: '/dev/termination-log',
  annotations: { a: 'b' },
  security: {
    supplementalGroups: [],
    privileged: false,
    readOnlyRoot: false,
    noNewPrivileges: false,
    addCapabilities: [],
    dropCapabilities: [],
    seccomp: { type: 'runtime-default' },
    procMount: 'default',
  },
}
const PARTS: ContainerParts = {
  sandbox: SANDBOX,
  config: CONTAINER,
  files: { hosts: '/run/p/hosts', hostname: '/run/p/hostname', resolvConf: '/run/p/resolv.conf' },
  host: { oomScoreAdjMin: -1000, hasMemoryController: true, hasGroupsPolicy: true },
}

const sandbox = (change: Partial<SandboxConfig> = {}) =>
  create(PodSandboxConfigSchema, podSandboxConfig({ ...SANDBOX, ...change }, '/bramble/x'))
const container = (change: Partial<ContainerConfig> = {}, parts: Partial<ContainerParts> = {}): CriContainerConfig =>
  create(ContainerConfigSchema, containerConfig({ ...PARTS, ...parts, config: { ...CONTAINER, ...change } }))
const secured = (change: Partial<ContainerConfig['security']>, parts: Partial<ContainerParts> = {}): LinuxContainerSecurityContext =>
  container({ security: { ...CONTAINER.security, ...change } }, parts).linux!.securityContext!

describe('a sandbox as kubelet asks for it', () => {
  test('names, labels, cgroup and what a later agent needs', () => {
    const { metadata, labels, annotations, hostname, logDirectory, linux } = sandbox()
    assert.deepEqual([metadata?.name, metadata?.namespace, metadata?.uid, metadata?.attempt], ['web-0', 'shop', 'uid-1', 0])
    assert.deepEqual(
      { ...labels },
      {
        'io.kubernetes.pod.name': 'web-0',
        'io.kubernetes.pod.namespace': 'shop',
        'io.kubernetes.pod.uid': 'uid-1',
        'bramble.dev/agent': 'true',
      },
    )
    assert.deepEqual(JSON.parse(annotations[ANNOTATION.sandbox]!), SANDBOX)
    assert.deepEqual([hostname, logDirectory, linux?.cgroupParent], ['web', SANDBOX.logDirectory, '/bramble/x'])
    assert.deepEqual([linux?.resources?.cpuShares, linux?.resources?.memoryLimitInBytes], [256n, 67_108_864n])
    assert.equal(linux?.securityContext?.seccomp?.profileType, ProfileType.RuntimeDefault)
  })
  for (const { name, change, want } of [
    { name: 'its own network, processes and ipc', change: {}, want: ['POD', 'CONTAINER', 'POD'] },
    { name: "the host's network", change: { hostNetwork: true }, want: ['NODE', 'CONTAINER', 'POD'] },
    {
      name: "the host's processes, even when shared among containers",
      change: { hostPid: true, sharedProcesses: true },
      want: ['POD', 'NODE', 'POD'],
    },
    { name: 'shared processes', change: { sharedProcesses: true }, want: ['POD', 'POD', 'POD'] },
    { name: "the host's ipc", change: { hostIpc: true }, want: ['POD', 'CONTAINER', 'NODE'] },
  ])
    test(`a pod with ${name}`, () => {
      const options = sandbox(change).linux!.securityContext!.namespaceOptions!
      assert.deepEqual(
        [options.network, options.pid, options.ipc].map((mode) => NamespaceMode[mode]),
        want,
      )
    })
  test("a pod on the host's network has no host name of its own, a privileged one says so", () => {
    assert.equal(sandbox({ hostNetwork: true }).hostname, '')
    assert.equal(sandbox({ privileged: true }).linux!.securityContext!.privileged, true)
  })
  test('ports of the host', () => {
    const portMappings = [
      { hostPort: 80, containerPort: 8080, protocol: 'tcp' as const, hostIp: '0.0.0.0' },
      { hostPort: 53, containerPort: 5353, protocol: 'udp' as const, hostIp: '192.0.2.7' },
    ]
    assert.deepEqual(
      sandbox({ portMappings }).portMappings.map((port) => [port.hostPort, port.containerPort, Protocol[port.protocol], port.hostIp]),
      [
        [80, 8080, 'TCP', ''],
        [53, 5353, 'UDP', '192.0.2.7'],
      ],
    )
  })
  test('a pod that asks for nothing has the smallest share', () => {
    assert.equal(sandbox({ resources: { qosClass: 'BestEffort', cpuRequestMillis: 500 } }).linux!.resources!.cpuShares, 2n)
  })
})

describe('a container as kubelet asks for it', () => {
  test('names, image, log and what a later agent needs', () => {
    const { metadata, image, logPath, labels, annotations } = container()
    assert.deepEqual([metadata?.name, metadata?.attempt, image?.image, image?.userSpecifiedImage], ['main', 3, 'sha256:abc', 'nginx'])
    assert.equal(logPath, 'main/3.log')
    assert.equal(labels['io.kubernetes.container.name'], 'main')
    assert.equal(labels['io.kubernetes.pod.uid'], 'uid-1')
    assert.equal(annotations['io.kubernetes.container.restartCount'], '3')
    assert.deepEqual(JSON.parse(annotations[ANNOTATION.container]!), {
      image: 'sha256:abc',
      imageReference: 'nginx',
      logPath: CONTAINER.logPath,
      annotations: { a: 'b' },
    })
  })
  test('a log elsewhere than below the folder of the pod is refused', () => {
    assert.throws(() => container({ logPath: '/var/log/pods/other/0.log' }), { reason: 'CreateContainerConfigError' })
  })
  test('the values of its environment are bytes', () => {
    assert.deepEqual(
      container({ env: [{ name: 'GREETING', value: 'grüß' }] }).envs.map(({ key, value }) => [key, Buffer.from(value).toString()]),
      [['GREETING', 'grüß']],
    )
  })
  test("the pod's files come first, and make way for mounts of the container's own", () => {
    const mounts = [
      { hostPath: '/x/hosts', containerPath: '/etc/hosts', readOnly: true },
      { hostPath: '/data', containerPath: '/data', readOnly: true, propagation: 'rslave' as const, recursiveReadOnly: true },
    ]
    assert.deepEqual(
      container({ mounts }).mounts.map((mount) => [
        mount.hostPath,
        mount.containerPath,
        mount.readonly,
        MountPropagation[mount.propagation],
        mount.recursiveReadOnly,
      ]),
      [
        ['/run/p/hostname', '/etc/hostname', false, 'PROPAGATION_PRIVATE', false],
        ['/run/p/resolv.conf', '/etc/resolv.conf', false, 'PROPAGATION_PRIVATE', false],
        ['/x/hosts', '/etc/hosts', true, 'PROPAGATION_PRIVATE', false],
        ['/data', '/data', true, 'PROPAGATION_HOST_TO_CONTAINER', true],
      ],
    )
  })
  for (const { name, resources, want } of [
    { name: 'nothing', resources: {}, want: [2n, 0n, 0n, 0n] },
    { name: 'a request', resources: { cpuRequestMillis: 100 }, want: [102n, 0n, 0n, 0n] },
    { name: 'a limit', resources: { cpuRequestMillis: 1000, cpuLimitMillis: 250 }, want: [1024n, 25_000n, 100_000n, 0n] },
    { name: 'less than the smallest quota', resources: { cpuLimitMillis: 1 }, want: [2n, 1_000n, 100_000n, 0n] },
    { name: 'memory', resources: { memoryLimitBytes: 1024 }, want: [2n, 0n, 0n, 1024n] },
  ])
    test(`resources of a container that is given ${name}`, () => {
      const { cpuShares, cpuQuota, cpuPeriod, memoryLimitInBytes } = container({ resources }).linux!.resources!
      assert.deepEqual([cpuShares, cpuQuota, cpuPeriod, memoryLimitInBytes], want)
    })
  test('a change holds what is given alone; a kernel that cannot limit memory is not told to', () => {
    assert.deepEqual(containerResources({ cpuRequestMillis: 500 }, { hasMemoryController: true }), { cpuShares: 512n })
    assert.deepEqual(containerResources({ memoryLimitBytes: 5 }, { hasMemoryController: false }), {})
  })
  test('its score is not below what this agent may give', () => {
    assert.equal(container({ oomScoreAdj: -998 }, { host: { ...PARTS.host, oomScoreAdjMin: 0 } }).linux!.resources!.oomScoreAdj, 0n)
    assert.equal(container({ oomScoreAdj: -998 }).linux!.resources!.oomScoreAdj, -998n)
  })
})

describe('rights of a container', () => {
  for (const { name, security, imageUserId, want } of [
    { name: "the image's user when nothing is said", security: {}, want: [undefined, '', undefined] },
    { name: 'a user', security: { user: 1000 }, want: [1000n, '', undefined] },
    { name: 'root, which is not nothing', security: { user: 0 }, want: [0n, '', undefined] },
    { name: "the image's user by name", security: { userName: 'nobody', group: 5 }, want: [undefined, 'nobody', 5n] },
    { name: "a group for the image's numeric user", security: { group: 5 }, imageUserId: 33, want: [33n, '', 5n] },
    { name: 'a group for an image without a user', security: { group: 5 }, want: [0n, '', 5n] },
  ])
    test(name, () => {
      const { runAsUser, runAsUsername, runAsGroup } = secured(security, imageUserId === undefined ? {} : { imageUserId })
      assert.deepEqual([runAsUser?.value, runAsUsername, runAsGroup?.value], want)
    })
  test('rights are named as the kernel names them, without their prefix', () => {
    const { capabilities } = secured({ addCapabilities: ['CAP_NET_ADMIN', 'sys_time'], dropCapabilities: ['all'] })
    assert.deepEqual([capabilities?.addCapabilities, capabilities?.dropCapabilities], [['NET_ADMIN', 'SYS_TIME'], ['ALL']])
  })
  for (const { name, change, want } of [
    { name: 'hides parts of /proc and /sys', change: {}, want: true },
    { name: 'hides nothing when the pod says so', change: { procMount: 'unmasked' as const }, want: false },
    { name: 'hides nothing from a privileged one', change: { privileged: true }, want: false },
  ])
    test(`it ${name}`, () => {
      const { maskedPaths, readonlyPaths } = secured(change)
      assert.deepEqual([maskedPaths.includes('/proc/kcore'), readonlyPaths.includes('/proc/sys')], [want, want])
    })
  for (const { name, change, want } of [
    { name: "the runtime's filter", change: { seccomp: { type: 'runtime-default' } }, want: [ProfileType.RuntimeDefault, ''] },
    { name: 'no filter', change: { seccomp: { type: 'unconfined' } }, want: [ProfileType.Unconfined, ''] },
    { name: "the node's filter", change: { seccomp: { type: 'localhost', path: '/p.json' } }, want: [ProfileType.Localhost, '/p.json'] },
  ] as const)
    test(name, () => {
      const { seccomp } = secured(change)
      assert.deepEqual([seccomp?.profileType, seccomp?.localhostRef], want)
    })
  test('AppArmor: nothing, unconfined, a profile of the node', () => {
    const told = (appArmorProfile: string | undefined) => {
      const { apparmor } = secured(appArmorProfile === undefined ? {} : { appArmorProfile })
      return apparmor && [apparmor.profileType, apparmor.localhostRef]
    }
    assert.deepEqual(
      [told(undefined), told('unconfined'), told('tight')],
      [undefined, [ProfileType.Unconfined, ''], [ProfileType.Localhost, 'tight']],
    )
  })
  test('strict groups are refused where the runtime does not know them', () => {
    const strict = { supplementalGroupsPolicy: 'strict' as const, supplementalGroups: [7] }
    assert.equal(secured(strict).supplementalGroupsPolicy, SupplementalGroupsPolicy.Strict)
    assert.deepEqual(secured(strict).supplementalGroups, [7n])
    assert.throws(() => secured(strict, { host: { ...PARTS.host, hasGroupsPolicy: false } }), {
      reason: 'CreateContainerConfigError',
      message: 'SupplementalGroupsPolicy=Strict is not supported in this node',
    })
  })
  test('one that looks at another sees its processes', () => {
    const { namespaceOptions } = secured({}, { targetId: 'c1' })
    assert.deepEqual([namespaceOptions?.pid, namespaceOptions?.targetId], [NamespaceMode.TARGET, 'c1'])
  })
})

test('a stop signal has the name that the protocol gives it; none and one that there is not leave it to the image', () => {
  const told = (stopSignal: string | undefined) => container(stopSignal === undefined ? {} : { stopSignal }).stopSignal
  assert.deepEqual(['SIGUSR1', 'SIGRTMIN+3', 'SIGRTMAX-14', 'SIGRTMAX', 'SIGNONE', undefined].map(told), [
    Signal.SIGUSR1,
    Signal.SIGRTMINPLUS3,
    Signal.SIGRTMAXMINUS14,
    Signal.SIGRTMAX,
    Signal.RUNTIME_DEFAULT,
    Signal.RUNTIME_DEFAULT,
  ])
})

test('a login: a name and a password, or a token', () => {
  assert.deepEqual(authConfig({ registry: 'r', username: 'u', password: 'p' }), { username: 'u', password: 'p' })
  assert.deepEqual(authConfig({ registry: 'r', identityToken: 't' }), { identityToken: 't' })
})
