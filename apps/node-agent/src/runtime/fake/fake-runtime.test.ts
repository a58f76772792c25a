import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimClock } from '@bramble/reconcile/sim/sim-clock'
import { PLAIN_SECURITY } from '../contract/pod-under-test.ts'
import { runtimeContract } from '../runtime.contract.ts'
import { FakeRuntime } from './fake-runtime.ts'
import { fakeScript } from './fake-script.ts'

runtimeContract('fake', async () => {
  const clock = new SimClock()
  const runtime = new FakeRuntime({ clock, pullable: (reference) => !reference.includes('missing') })
  runtime.addImage('localhost/test:1')
  return {
    runtime,
    folder: '/test',
    image: 'localhost/test:1',
    missingImage: 'localhost/missing:1',
    pause: () => clock.advance(100),
    readLog: async (path) => runtime.logs.get(path) ?? '',
  }
})

test('a reboot loses namespaces, processes and exit codes, not what is on the disk', async () => {
  const runtime = new FakeRuntime({ clock: new SimClock() })
  const id = await aContainer(runtime)
  await runtime.startContainer(id)
  runtime.reboot()
  const [seen] = await runtime.observe('u')
  assert.equal(seen?.ready, false)
  assert.deepEqual([seen?.containers[0]?.state, seen?.containers[0]?.exitCode], ['exited', undefined])
})

for (const [what, happens] of [
  ['reboot', (runtime) => runtime.reboot()],
  ['removal', (runtime, id) => runtime.removeContainer(id)],
] satisfies readonly (readonly [string, (runtime: FakeRuntime, id: string) => unknown])[])
  test(`a ${what} while a container starts: it never runs`, async () => {
    const clock = new SimClock()
    const runtime = new FakeRuntime({ clock, startMs: 10 })
    const id = await aContainer(runtime)
    const started = assert.rejects(runtime.startContainer(id), { reason: 'RunContainerError' })
    await happens(runtime, id)
    await clock.advance(20)
    await started
    assert.deepEqual(runtime.running(), [])
  })

/** Made, not started. */
async function aContainer(runtime: FakeRuntime): Promise<string> {
  const never = new AbortController().signal
  const sandbox = await runtime.runSandbox(
    {
      podUid: 'u',
      namespace: 'default',
      name: 'web',
      hostname: 'web',
      hostNetwork: false,
      hostPid: false,
      hostIpc: false,
      portMappings: [],
      logDirectory: '/',
      sysctls: {},
      sharedProcesses: false,
      resources: { qosClass: 'Burstable', cpuRequestMillis: 0 },
    },
    never,
  )
  return runtime.createContainer(
    sandbox,
    {
      name: 'main',
      attempt: 0,
      image: runtime.addImage('web').id,
      imageReference: 'web',
      command: [],
      args: [],
      env: [],
      mounts: [],
      logPath: '/log',
      resources: { cpuRequestMillis: 0 },
      devices: [],
      stdinOnce: false,
      oomScoreAdj: 0,
      tty: false,
      stdin: false,
      terminationMessagePath: '',
      annotations: {},
      security: PLAIN_SECURITY,
    },
    never,
  )
}

const scripts: readonly (readonly [string, readonly string[], Partial<ReturnType<typeof fakeScript>>])[] = [
  [
    'a shell script ends with its exit',
    ['sh', '-c', 'echo hi; exit 4'],
    { exitCode: 4, actions: [{ type: 'print', stream: 'stdout', text: 'hi' }] },
  ],
  ['sleep alone', ['sleep', '5'], { actions: [{ type: 'sleep', ms: 5000 }] }],
  ['true ends well at once', ['sh', '-c', 'true'], { exitCode: 0, actions: [] }],
  ['trap makes it deaf to SIGTERM', ['sh', '-c', "trap '' TERM; sleep 1"], { ignoresTerm: true }],
]
for (const [name, command, expected] of scripts)
  test(`the fake shell: ${name}`, () => assert.partialDeepStrictEqual(fakeScript(command), expected))
