import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { inspected, listed, pick, security, specOf } from './convert.fixture.ts'
import { containerDetail, containerState, execExitCode, imageState, LABEL, listedDetail } from './convert.ts'

describe('what Podman is told, further', () => {
  const cases: readonly { readonly name: string; readonly got: () => unknown; readonly want: unknown }[] = [
    { name: 'the usual filter of system calls is not named', got: () => specOf().seccomp_profile_path, want: undefined },
    {
      name: 'no filter of system calls',
      got: () => specOf(security({ seccomp: { type: 'unconfined' } })).seccomp_profile_path,
      want: 'unconfined',
    },
    {
      name: 'a filter of the node',
      got: () => specOf(security({ seccomp: { type: 'localhost', path: '/p.json' } })).seccomp_profile_path,
      want: '/p.json',
    },
    { name: '/proc as it is', got: () => specOf(security({ procMount: 'unmasked' })).unmask, want: ['ALL'] },
    {
      name: 'devices with their permissions',
      got: () => specOf({ devices: [{ hostPath: '/dev/ttyACM0', containerPath: '/dev/modem', permissions: 'rw' }] }).devices,
      want: [{ path: '/dev/ttyACM0:/dev/modem:rw' }],
    },
    {
      name: 'a user by name, with a group or without',
      got: () => [specOf(security({ userName: 'web' })).user, specOf(security({ userName: 'web', group: 7 })).user],
      want: ['web', 'web:7'],
    },
    {
      name: 'the number that the pod wants, not the name of the image',
      got: () => specOf(security({ user: 5, userName: 'web' })).user,
      want: '5',
    },
    {
      name: 'shared processes are joined by path',
      got: () => specOf({}, { sharedProcesses: true }).pidns,
      want: { nsmode: 'path', value: '/s/pid' },
    },
    {
      name: "another container's processes are joined by its process",
      got: () => specOf({}, {}, {}, { processesOf: 42 }).pidns,
      want: { nsmode: 'path', value: '/proc/42/ns/pid' },
    },
    {
      name: "the host's processes contain all others",
      got: () => specOf({}, { hostPid: true, sharedProcesses: true }, {}, { processesOf: 42 }).pidns,
      want: { nsmode: 'host' },
    },
    {
      name: 'a mount that is read-only all the way down comes from its copy',
      got: () =>
        specOf({ mounts: [{ hostPath: '/x', containerPath: '/data', readOnly: true, recursiveReadOnly: true }] }).mounts.filter(
          ({ destination }) => destination === '/data',
        ),
      want: [{ type: 'bind', source: '/s/mounts/main-0', destination: '/data', options: ['rbind', 'ro', 'rprivate'] }],
    },
    {
      name: 'with cgroup v2 the whole container ends when memory runs out, as with the kubelet',
      got: () => [
        specOf({}, {}, { cgroupVersion: 2 }).unified,
        specOf({}, {}, { cgroupVersion: 2, controllers: [] }).unified,
        specOf().unified,
      ],
      want: [{ 'memory.oom.group': '1' }, undefined, undefined],
    },
    {
      name: 'what it may use and whether its input is for once is remembered',
      got: () => pick(specOf({ stdinOnce: true }).labels, LABEL.resources, LABEL.stdinOnce),
      want: { [LABEL.resources]: '{"cpuRequestMillis":100}', [LABEL.stdinOnce]: 'true' },
    },
  ]
  for (const { name, got, want } of cases) it(name, () => assert.deepEqual(got(), want))
})

describe('what Podman says, further', () => {
  const running = inspected({ Status: 'running', StartedAt: '2026-01-01T00:00:00Z', Pid: 42, ConmonPid: 41 })
  const labels = { ...listed.Labels, [LABEL.resources]: '{"cpuRequestMillis":100,"memoryLimitBytes":5}' }

  it('its process is known while it runs', () => {
    assert.equal(containerState(listed, containerDetail(running, false), true).pid, 42)
    assert.equal(containerState(listed, containerDetail(running, false), false).pid, undefined)
  })
  it('what it may use is what it was made with, and what was changed since', () => {
    const detail = containerDetail(running, false)
    assert.deepEqual(containerState({ ...listed, Labels: labels }, detail, true).resources, { cpuRequestMillis: 100, memoryLimitBytes: 5 })
    assert.deepEqual(containerState({ ...listed, Labels: labels }, detail, true, { memoryLimitBytes: 7 }).resources, {
      cpuRequestMillis: 100,
      memoryLimitBytes: 7,
    })
    assert.equal(containerState(listed, detail, true).resources, undefined)
  })
  it('how a broken container ended is not believed', () => {
    const state = containerState(listed, listedDetail({ ...listed, State: 'exited', StartedAt: 5 }), true)
    assert.deepEqual([state.state, state.exitCode, state.finishedAtMs, state.startedAtMs], ['exited', undefined, undefined, 5000])
  })
  it('a broken container that runs does', () => {
    const state = containerState(listed, listedDetail({ ...listed, State: 'running', StartedAt: 5, Pid: 42 }), true)
    assert.deepEqual([state.state, state.pid], ['running', 42])
  })
  it('one that somebody made ready again has ended', () => {
    const detail = containerDetail(inspected({ Status: 'initialized', StartedAt: '2026-01-01T00:00:00Z' }), false)
    assert.deepEqual([containerState(listed, detail, true).state, containerState(listed, detail, true).exitCode], ['exited', undefined])
  })
  it('an image tells its user by name, and what machine it is for', () => {
    const image = {
      Id: 'abc',
      RepoTags: null,
      RepoDigests: null,
      Size: 5,
      Os: 'linux',
      Architecture: 'arm64',
      Config: { User: 'web:staff' },
    }
    assert.partialDeepStrictEqual(imageState(image), { userName: 'web', platform: 'linux/arm64' })
    assert.equal(imageState(image).userId, undefined)
  })
  for (const words of [
    'time="…" level=error msg="exec failed: cannot exec a container that has stopped"',
    'time="…" level=error msg="exec failed: container does not exist"',
    'error: the container `abc` is not running.',
  ])
    it(`a container that has just ended is no answer of a command: ${words}`, () => assert.equal(execExitCode(255, words), undefined))
})
