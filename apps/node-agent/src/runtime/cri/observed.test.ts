import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import { unrunnableExitCode } from './exec-sync.ts'
import {
  ContainerSchema,
  ContainerState as CriState,
  ContainerStatusSchema,
  ImageSchema,
  NamespaceMode,
  PodSandboxSchema,
  PodSandboxState,
  PodSandboxStatusSchema,
} from './grpc/api_pb.js'
import { TaskExitSchema, TaskOOMSchema } from './grpc/events_pb.js'
import { happeningOf } from './hints.ts'
import { settingsOf } from './host.ts'
import { importedNames } from './images.ts'
import { containerDetail, containerState, imageState, networkNamespace, sandboxIp, sandboxState, verboseInfo } from './observed.ts'
import { missingSandboxImage } from './pause.ts'
import { withSubmounts } from './submounts.ts'

const AT = 1_700_000_000_123_456_789n
const AT_MS = 1_700_000_000_123

describe('a sandbox as it is observed', () => {
  const listed = (state: PodSandboxState) =>
    create(PodSandboxSchema, {
      id: 's1',
      state,
      createdAt: AT,
      metadata: { name: 'web', namespace: 'shop' },
      labels: { 'io.kubernetes.pod.uid': 'u1' },
    })
  test('ready, with its address', () => {
    assert.deepEqual(sandboxState(listed(PodSandboxState.SANDBOX_READY), '10.42.0.5', []), {
      id: 's1',
      podUid: 'u1',
      namespace: 'shop',
      name: 'web',
      ready: true,
      ip: '10.42.0.5',
      createdAtMs: AT_MS,
      containers: [],
    })
  })
  test('one that is not ready has no address', () => {
    const { ready, ip } = sandboxState(listed(PodSandboxState.SANDBOX_NOTREADY), '10.42.0.5', [])
    assert.deepEqual([ready, ip], [false, undefined])
  })
  test("the host's address is not the pod's own", () => {
    const status = (network: NamespaceMode) =>
      create(PodSandboxStatusSchema, { network: { ip: '192.0.2.1' }, linux: { namespaces: { options: { network } } } })
    assert.deepEqual([sandboxIp(status(NamespaceMode.NODE)), sandboxIp(status(NamespaceMode.POD))], [undefined, '192.0.2.1'])
  })
})

describe('a container as it is observed', () => {
  const detail = (status: MessageInitShape<typeof ContainerStatusSchema>, info = {}, oomSeen = false) =>
    containerDetail(create(ContainerStatusSchema, { startedAt: AT, ...status }), info, oomSeen)
  const ended = { state: CriState.CONTAINER_EXITED, finishedAt: AT }
  for (const { name, seen, want } of [
    { name: 'created: not started', seen: detail({ state: CriState.CONTAINER_CREATED, startedAt: 0n }), want: {} },
    {
      name: 'running: its process',
      seen: detail({ state: CriState.CONTAINER_RUNNING }, { pid: 42 }),
      want: { startedAtMs: AT_MS, pid: 42 },
    },
    {
      name: 'ended: when and how',
      seen: detail({ ...ended, exitCode: 3 }, { pid: 42 }),
      want: { startedAtMs: AT_MS, finishedAtMs: AT_MS, exitCode: 3 },
    },
    { name: 'ended when nobody looked', seen: detail({ ...ended, exitCode: 255, reason: 'Unknown' }), want: { startedAtMs: AT_MS } },
    {
      name: 'ended with 255 by itself',
      seen: detail({ ...ended, exitCode: 255, reason: 'Error' }),
      want: { startedAtMs: AT_MS, finishedAtMs: AT_MS, exitCode: 255 },
    },
    {
      name: 'memory ran out, says the runtime',
      seen: detail({ ...ended, exitCode: 137, reason: 'OOMKilled' }),
      want: { startedAtMs: AT_MS, finishedAtMs: AT_MS, exitCode: 137, oomKilled: true },
    },
    {
      name: 'memory ran out, says the kernel',
      seen: detail({ ...ended, exitCode: 137, reason: 'Error' }, {}, true),
      want: { startedAtMs: AT_MS, finishedAtMs: AT_MS, exitCode: 137, oomKilled: true },
    },
    {
      name: 'a child lacked memory, the container ended well',
      seen: detail({ ...ended, exitCode: 0, reason: 'OOMKilled' }, {}, true),
      want: { startedAtMs: AT_MS, finishedAtMs: AT_MS, exitCode: 0 },
    },
  ])
    test(name, () => {
      const { state: _, oomKilled, ...rest } = seen
      assert.deepEqual({ ...rest, ...(oomKilled && { oomKilled }) }, want)
    })

  test('what applies to it, as the runtime tells or as it was made', () => {
    const want = { cpuRequestMillis: 100, cpuLimitMillis: 250, memoryLimitBytes: 1024 }
    const linux = { cpuShares: 102n, cpuQuota: 25_000n, cpuPeriod: 100_000n, memoryLimitInBytes: 1024n }
    assert.deepEqual(detail({ state: CriState.CONTAINER_RUNNING, resources: { linux } }).resources, want)
    const resources = { cpu: { shares: 102, quota: 25_000, period: 100_000 }, memory: { limit: 1024 } }
    assert.deepEqual(detail({ state: CriState.CONTAINER_RUNNING }, { runtimeSpec: { linux: { resources } } }).resources, want)
    const least = { cpu: { shares: 2 } }
    assert.deepEqual(detail({ state: CriState.CONTAINER_RUNNING }, { runtimeSpec: { linux: { resources: least } } }).resources, {
      cpuRequestMillis: 0,
    })
  })
  test('one that this agent did not make is told as far as it is known', () => {
    const listed = create(ContainerSchema, {
      id: 'c1',
      imageRef: 'sha256:x',
      createdAt: AT,
      metadata: { name: 'main', attempt: 1 },
      image: { image: 'nginx' },
    })
    assert.deepEqual(containerState(listed, detail({ state: CriState.CONTAINER_UNKNOWN, startedAt: 0n })), {
      id: 'c1',
      name: 'main',
      attempt: 1,
      state: 'exited',
      image: 'sha256:x',
      imageReference: 'nginx',
      createdAtMs: AT_MS,
      logPath: '',
      annotations: {},
    })
  })
})

test('an image: its user by number or name, and what it is for', () => {
  const image = create(ImageSchema, { id: 'sha256:x', repoTags: ['a:1'], repoDigests: ['a@sha256:y'], size: 5n, uid: { value: 33n } })
  const info = verboseInfo({ info: JSON.stringify({ imageSpec: { os: 'linux', architecture: 'arm', variant: 'v7' } }) })
  assert.deepEqual(imageState(image, info), {
    id: 'sha256:x',
    names: ['a:1'],
    digests: ['a@sha256:y'],
    sizeBytes: 5,
    userId: 33,
    platform: 'linux/arm/v7',
  })
  const named = create(ImageSchema, { id: 'sha256:x', username: 'nobody', pinned: true })
  assert.deepEqual(imageState(named), { id: 'sha256:x', names: [], digests: [], sizeBytes: 0, userName: 'nobody', pinned: true })
})

test('verbose words that are no JSON are nothing', () => assert.equal(verboseInfo({ info: 'hello' }), undefined))

test('the network of a pod: by its path, else by its process', () => {
  const linux = { namespaces: [{ type: 'pid' }, { type: 'network', path: '/run/netns/x' }] }
  assert.equal(networkNamespace({ pid: 5, runtimeSpec: { linux } }), '/run/netns/x')
  assert.equal(networkNamespace({ pid: 5 }), '/proc/5/ns/net')
  assert.equal(networkNamespace(undefined), undefined)
})

describe("containerd's own words", () => {
  for (const { name, config, want } of [
    {
      name: 'cgroupfs',
      config: { containerd: { defaultRuntimeName: 'runc', runtimes: { runc: { options: { SystemdCgroup: false } } } } },
      want: 'cgroupfs',
    },
    {
      name: 'systemd',
      config: { containerd: { defaultRuntimeName: 'runc', runtimes: { runc: { options: { SystemdCgroup: true } } } } },
      want: 'systemd',
    },
    {
      name: 'that of the default runtime',
      config: { containerd: { defaultRuntimeName: 'runc', runtimes: { crun: { options: { SystemdCgroup: true } } } } },
      want: 'cgroupfs',
    },
    { name: 'nothing', config: {}, want: 'cgroupfs' },
  ])
    test(`cgroup driver: ${name}`, () => assert.equal(settingsOf({ info: { config: JSON.stringify(config) } }).manager, want))
  test('another runtime says something else', () => assert.deepEqual(settingsOf({ info: { config: '[crio]' } }), { manager: 'cgroupfs' }))
  test('the image of sandboxes', () => {
    assert.equal(settingsOf({ info: { config: '{"sandboxImage":"registry.k8s.io/pause:3.6"}' } }).sandboxImage, 'registry.k8s.io/pause:3.6')
    assert.equal(
      missingSandboxImage('failed to get sandbox image "registry.k8s.io/pause:3.8": failed to pull image'),
      'registry.k8s.io/pause:3.8',
    )
    assert.equal(missingSandboxImage('failed to set up network'), undefined)
  })
  for (const { name, output, want } of [
    {
      name: 'up to 1.7',
      output: 'unpacking localhost/a:1 (sha256:0f)...done\nunpacking localhost/b:2 (sha256:1f)...done\n',
      want: ['localhost/a:1', 'localhost/b:2'],
    },
    {
      name: 'later',
      output: 'localhost/a:1\tsaved\t\napplication/vnd.oci.image.manifest.v1+json sha256:0f\nImporting\telapsed: 0.1 s\n',
      want: ['localhost/a:1'],
    },
    { name: 'nothing', output: '', want: [] },
  ])
    test(`names of imported images: ${name}`, () => assert.deepEqual(importedNames(output), want))
  test('ends of containers and memory that ran out are hints, ends of other commands are not', () => {
    const exit = (containerId: string, id: string) => ({
      topic: '/tasks/exit',
      event: { typeUrl: 'containerd.events.TaskExit', value: toBinary(TaskExitSchema, create(TaskExitSchema, { containerId, id })) },
    })
    const oom = { topic: '/tasks/oom', event: { typeUrl: '', value: toBinary(TaskOOMSchema, create(TaskOOMSchema, { containerId: 'c' })) } }
    assert.deepEqual(
      [exit('c', 'c'), exit('c', 'exec-1'), oom].map((envelope) => happeningOf(envelope as Parameters<typeof happeningOf>[0])),
      [{ type: 'exit', id: 'c' }, undefined, { type: 'oom', id: 'c' }],
    )
  })
})

for (const { words, want } of [
  {
    words:
      'OCI runtime exec failed: exec failed: unable to start container process: exec: "x": executable file not found in $PATH: unknown',
    want: 127,
  },
  {
    words: 'exec failed: unable to start container process: exec: "/no/such": stat /no/such: no such file or directory: unknown',
    want: 127,
  },
  { words: 'exec failed: unable to start container process: exec: "/etc": permission denied: unknown', want: 126 },
  { words: 'container is in CONTAINER_EXITED state', want: undefined },
])
  test(`exit code of a command that was not run: ${words.slice(-40)}`, () => assert.equal(unrunnableExitCode(new Error(words)), want))

test('mounts below a read-only mount are mounted read-only as well, where that is asked for', () => {
  const mountinfo = [
    '1 0 8:1 / / rw',
    '2 1 8:2 / /data rw',
    '3 2 0:1 / /data/a\\040b rw',
    '4 2 0:2 / /database rw',
    '5 2 0:3 / /data/c/d rw',
  ].join('\n')
  const plain = { hostPath: '/data/', containerPath: '/mnt', readOnly: true }
  assert.deepEqual(withSubmounts([plain], mountinfo), [plain])
  assert.deepEqual(
    withSubmounts([{ ...plain, recursiveReadOnly: true }], mountinfo).map(({ hostPath, containerPath }) => [hostPath, containerPath]),
    [
      ['/data/', '/mnt'],
      ['/data/a b', '/mnt/a b'],
      ['/data/c/d', '/mnt/c/d'],
    ],
  )
})
