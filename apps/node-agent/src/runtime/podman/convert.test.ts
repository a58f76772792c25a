import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { RuntimeError } from '../runtime.ts'
import { inspected, listed, NEVER, pick, security, specOf } from './convert.fixture.ts'
import { containerDetail, containerName, containerState, execExitCode, imageState } from './convert.ts'
import type { ListedState } from './libpod.ts'

describe('what Podman is told', () => {
  const cases: readonly { name: string; got: () => unknown; want: unknown }[] = [
    {
      name: 'command replaces the entry point, args are the command',
      got: () => pick(specOf({ command: ['a'], args: ['b'] }), 'entrypoint', 'command'),
      want: { entrypoint: ['a'], command: ['b'] },
    },
    {
      name: 'without either the image decides',
      got: () => pick(specOf(), 'entrypoint', 'command'),
      want: { entrypoint: undefined, command: undefined },
    },
    {
      name: 'the host name is in the environment, unless the pod says another',
      got: () => [
        specOf().env,
        specOf({
          env: [
            { name: 'HOSTNAME', value: 'x' },
            { name: 'A', value: '1' },
          ],
        }).env,
      ],
      want: [{ HOSTNAME: 'web' }, { HOSTNAME: 'x', A: '1' }],
    },
    {
      name: 'namespaces are joined by path',
      got: () => pick(specOf(), 'netns', 'ipcns', 'utsns', 'pidns'),
      want: {
        netns: { nsmode: 'path', value: '/run/netns/n' },
        ipcns: { nsmode: 'path', value: '/s/ipc' },
        utsns: { nsmode: 'path', value: '/s/uts' },
        pidns: { nsmode: 'private' },
      },
    },
    {
      name: "the host's namespaces are used when asked for",
      got: () => pick(specOf({}, { hostNetwork: true, hostIpc: true, hostPid: true, made: {} }), 'netns', 'ipcns', 'utsns', 'pidns'),
      want: { netns: { nsmode: 'host' }, ipcns: { nsmode: 'host' }, utsns: { nsmode: 'host' }, pidns: { nsmode: 'host' } },
    },
    {
      name: "the pod's files are mounted",
      got: () => specOf().mounts.map(({ destination }) => destination),
      want: ['/etc/hosts', '/etc/hostname', '/etc/resolv.conf', '/dev/shm'],
    },
    {
      name: "a mount of the container's own takes the place of the pod's",
      got: () =>
        specOf({ mounts: [{ hostPath: '/x', containerPath: '/etc/hosts', readOnly: true }] }).mounts.filter(
          ({ destination }) => destination === '/etc/hosts',
        ),
      want: [{ type: 'bind', source: '/x', destination: '/etc/hosts', options: ['rbind', 'ro', 'rprivate'] }],
    },
    {
      name: 'limits become quota and memory without swap',
      got: () => specOf({ resources: { cpuRequestMillis: 100, cpuLimitMillis: 250, memoryLimitBytes: 1000 } }).resource_limits,
      want: { cpu: { shares: 102, quota: 25_000, period: 100_000 }, memory: { limit: 1000, swap: 1000 } },
    },
    {
      name: 'a memory limit is left out where the kernel has no such controller',
      got: () => specOf({ resources: { cpuRequestMillis: 100, memoryLimitBytes: 1000 } }, {}, { controllers: ['cpu'] }).resource_limits,
      want: { cpu: { shares: 102 } },
    },
    {
      name: 'a request of nothing still gets the smallest share',
      got: () => specOf({ resources: {} }).resource_limits.cpu,
      want: { shares: 2 },
    },
    {
      name: "process limits are the machine's, soft as hard",
      got: () => specOf().r_limits,
      want: [
        { type: 'nofile', soft: 20_000, hard: 20_000 },
        { type: 'nproc', soft: 30_000, hard: 30_000 },
      ],
    },
    {
      name: 'an oom score is not lower than may be set',
      got: () => [specOf({ oomScoreAdj: -997 }).oom_score_adj, specOf().oom_score_adj],
      want: [0, 500],
    },
    {
      name: 'user and group are numbers',
      got: () => [specOf(security({ user: 1 })).user, specOf(security({ user: 0, group: 2, supplementalGroups: [3] })).user, specOf().user],
      want: ['1', '0:2', undefined],
    },
    {
      name: 'with a group none of the image is added, so strict groups can be had',
      got: () => specOf(security({ user: 1, group: 2, supplementalGroupsPolicy: 'strict' })).user,
      want: '1:2',
    },
    {
      name: 'a profile of AppArmor is named',
      got: () => [specOf(security({ appArmorProfile: 'web' })).apparmor_profile, specOf().apparmor_profile],
      want: ['web', undefined],
    },
    { name: "Kubernetes' usual rights are added", got: () => specOf().cap_add, want: ['AUDIT_WRITE', 'MKNOD', 'NET_RAW'] },
    {
      name: 'dropping all leaves what is added by name',
      got: () => pick(specOf(security({ dropCapabilities: ['ALL'], addCapabilities: ['CAP_NET_BIND_SERVICE'] })), 'cap_add', 'cap_drop'),
      want: { cap_add: ['NET_BIND_SERVICE'], cap_drop: ['ALL'] },
    },
    {
      name: 'a dropped right is not added',
      got: () => specOf(security({ dropCapabilities: ['net_raw'] })).cap_add,
      want: ['AUDIT_WRITE', 'MKNOD'],
    },
  ]
  for (const { name, got, want } of cases) it(name, () => assert.deepEqual(got(), want))

  it('strict groups without a group cannot be had', () => {
    assert.throws(() => specOf(security({ user: 1, supplementalGroupsPolicy: 'strict' })), {
      reason: 'CreateContainerConfigError',
      message: /^supplementalGroupsPolicy Strict needs runAsGroup/,
    })
  })

  it('a group without a user cannot be expressed', () => {
    assert.throws(
      () => specOf(security({ group: 5 })),
      (error) => error instanceof RuntimeError && error.reason === 'CreateContainerConfigError',
    )
  })
})

describe('what Podman says', () => {
  const states: readonly { name: string; status: ListedState; started?: string; watched?: boolean; want: object }[] = [
    { name: 'created', status: 'created', want: { state: 'created' } },
    {
      name: 'running',
      status: 'running',
      started: '2026-01-01T00:00:01.250Z',
      want: { state: 'running', startedAtMs: Date.UTC(2026, 0, 1, 0, 0, 1, 250) },
    },
    {
      name: 'stopping is still running',
      status: 'stopping',
      started: '2026-01-01T00:00:00Z',
      want: { state: 'running', startedAtMs: Date.UTC(2026, 0, 1) },
    },
    {
      name: 'exited has a code and a time',
      status: 'exited',
      started: '2026-01-01T00:00:00Z',
      want: { state: 'exited', startedAtMs: Date.UTC(2026, 0, 1), finishedAtMs: Date.UTC(2026, 0, 2), exitCode: 3 },
    },
    {
      name: 'created that had started died in a power cut, nobody knows how',
      status: 'created',
      started: '2026-01-01T00:00:00Z',
      want: { state: 'exited', startedAtMs: Date.UTC(2026, 0, 1) },
    },
    {
      name: 'running without a watcher has ended, nobody knows how',
      status: 'running',
      started: '2026-01-01T00:00:00Z',
      watched: false,
      want: { state: 'exited', startedAtMs: Date.UTC(2026, 0, 1) },
    },
  ]
  for (const { name, status, started = NEVER, watched = true, want } of states)
    it(name, () => {
      const detail = containerDetail(inspected({ Status: status, StartedAt: started, ExitCode: 3 }), false)
      const {
        id,
        name: container,
        attempt,
        image,
        imageReference,
        createdAtMs,
        logPath,
        annotations,
        ...rest
      } = containerState(listed, detail, watched)
      assert.deepEqual(rest, want)
      assert.deepEqual(
        { id, container, attempt, image, imageReference, createdAtMs, logPath, annotations },
        {
          id: 'c1',
          container: 'main',
          attempt: 2,
          image: 'sha256:abc',
          imageReference: 'nginx',
          createdAtMs: Date.UTC(2026, 0, 1),
          logPath: '/log/0.log',
          annotations: { a: 'b' },
        },
      )
    })

  for (const { name, code, podman, seen, want } of [
    { name: 'memory ran out: Podman says it', code: 137, podman: true, seen: false, want: true },
    { name: 'memory ran out: the kernel counted it', code: 137, podman: false, seen: true, want: true },
    { name: 'memory ran out for a child, but the container ended by itself', code: 0, podman: false, seen: true, want: false },
    { name: 'killed by someone', code: 137, podman: false, seen: false, want: false },
  ])
    it(name, () => assert.equal(containerDetail(inspected({ Status: 'exited', ExitCode: code, OOMKilled: podman }), seen).oomKilled, want))

  it('an image has a full id, and a user when it is a number', () => {
    const image = { Id: 'abc', RepoTags: null, RepoDigests: ['n@sha256:1'], Size: 5 }
    assert.deepEqual(imageState({ ...image, Config: { User: '1000:1000' } }), {
      id: 'sha256:abc',
      names: [],
      digests: ['n@sha256:1'],
      sizeBytes: 5,
      userId: 1000,
    })
    assert.equal(imageState({ ...image, Config: { User: 'nginx' } }).userId, undefined)
  })
})

describe('the exit code of a command', () => {
  const runc = (words: string): string =>
    `time="2026-01-01T00:00:00Z" level=error msg="exec failed: unable to start container process: ${words}"\n`
  for (const { name, code = 255, output, want } of [
    { name: 'its own', code: 7, output: 'sh: nope: not found', want: 7 },
    { name: 'its own, even 255', output: 'ssh: no route', want: 255 },
    { name: 'runc finds no such program', output: runc('exec: \\"nope\\": executable file not found in $PATH'), want: 127 },
    { name: 'runc finds no such path', output: runc('exec: \\"/no\\": stat /no: no such file or directory'), want: 127 },
    { name: 'runc may not execute it', output: runc('exec: \\"/etc\\": permission denied'), want: 126 },
    { name: 'crun finds no such program', output: 'executable file `nope` not found in $PATH: No such file or directory\n', want: 127 },
    { name: 'crun may not execute it', output: 'open executable: Permission denied\n', want: 126 },
    { name: 'runc itself fails', output: runc('error adding pid 1 to cgroups: openat2 /x: no such file or directory'), want: undefined },
  ])
    it(name, () => assert.equal(execExitCode(code, output), want))
})

it('a container is named after pod, container and attempt', () => {
  assert.equal(containerName('u1', { name: 'main', attempt: 3 }), 'bramble_main_u1_3')
})
