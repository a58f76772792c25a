import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Container, Pod } from '@bramble/api/types/pod'
import { seeded } from '@bramble/reconcile/sim/seeded'
import type { ContainerState, SandboxState } from '../runtime/runtime.ts'
import { planPod, type Step } from './plan.ts'
import type { PodView } from './pod-view.ts'
import { aContainer, aPod, deleted } from './pods-harness.ts'

// `main#0 running` is attempt 0 of container `main`; `…!5` ended with 5, `…!?` with a code that got lost.
function aState(text: string): ContainerState {
  const [, name, attempt, state, code] = /^([\w-]+)#(\d+) (created|running|exited)(?:!(\d+|\?))?$/.exec(text)!
  return {
    id: `${name}#${attempt}`,
    name: name!,
    attempt: Number(attempt),
    state: state as ContainerState['state'],
    image: 'sha256:1',
    imageReference: `localhost/${name}:1`,
    createdAtMs: 0,
    logPath: '',
    annotations: {},
    ...(code !== undefined && code !== '?' && { exitCode: Number(code) }),
  }
}

const aSandbox = (states: readonly string[], change: Partial<SandboxState> = {}): SandboxState => ({
  id: 'sandbox',
  podUid: 'uid-web',
  namespace: 'default',
  name: 'web',
  ready: true,
  ip: '10.42.0.2',
  createdAtMs: 0,
  containers: states.map(aState),
  ...change,
})

const aView = (pod: Pod, change: Partial<PodView> = {}): PodView => ({
  pod,
  orphaned: false,
  sandboxes: [],
  nowMs: 1_000_000,
  prepared: true,
  images: new Map(),
  probes: new Map(),
  backoffs: new Map(),
  endSeenAtMs: new Map(),
  problems: new Map(),
  failedStarts: new Map(),
  stopping: new Map(),
  history: new Map(),
  postStarts: new Map(),
  given: new Map(),
  begunAnew: new Set(),
  ...change,
})

const readyImage = (name: string, attempt: number) =>
  new Map([[name, { attempt, reference: `localhost/${name}:1`, type: 'ready' as const, imageId: 'sha256:1' }]])

function shown(step: Step): string {
  switch (step.type) {
    case 'create-and-start':
      return `run ${step.container.name}#${step.attempt}`
    case 'get-image':
      return `image ${step.container.name}#${step.attempt}`
    case 'start':
      return `start ${step.id}`
    case 'stop':
      return [`stop ${step.state.id} ${step.graceMs}`, ...step.after.map((name) => `after ${name}`)].join(' ')
    case 'remove-container':
      return `remove ${step.state.id}`
    default:
      return step.type
  }
}

const web = aPod('web')
const init = (name: string, change: Partial<Container> = {}): Container => aContainer(name, change)
const withInit = aPod('web', { initContainers: [init('one'), init('two')] })
const withSidecar = aPod('web', { initContainers: [init('side', { restartPolicy: 'Always' })], restartPolicy: 'Never' })

const cases: readonly {
  readonly name: string
  readonly pod?: Pod
  readonly sandbox?: SandboxState | null
  readonly view?: Partial<PodView>
  readonly plan: readonly string[]
}[] = [
  { name: 'nothing is there: prepare, then the sandbox', sandbox: null, view: { prepared: false }, plan: ['prepare', 'run-sandbox'] },
  { name: 'a sandbox without containers: get the image', sandbox: aSandbox([]), plan: ['image main#0'] },
  { name: 'the image is here: run', sandbox: aSandbox([]), view: { images: readyImage('main', 0) }, plan: ['run main#0'] },
  {
    name: 'an image for another attempt does not count',
    sandbox: aSandbox(['main#0 exited!1']),
    view: { images: readyImage('main', 0) },
    plan: ['image main#1'],
  },
  { name: 'created by an agent that died: start it', sandbox: aSandbox(['main#0 created']), plan: ['start main#0'] },
  { name: 'running: nothing', sandbox: aSandbox(['main#0 running']), plan: [] },
  {
    name: 'ended with a lost code: run again',
    sandbox: aSandbox(['main#0 exited!?']),
    view: { images: readyImage('main', 1) },
    plan: ['run main#1'],
  },
  { name: 'a dead sandbox goes first', sandbox: aSandbox(['main#0 exited!?'], { ready: false }), plan: ['remove-sandbox'] },
  {
    name: 'a second sandbox goes',
    view: { sandboxes: [aSandbox(['main#0 running']), aSandbox([], { id: 'old', ready: false })] },
    plan: ['remove-sandbox'],
  },
  {
    name: 'after a new sandbox attempts count on',
    sandbox: aSandbox([]),
    view: { history: new Map([['main', aState('main#3 exited!?')]]) },
    plan: ['image main#4'],
  },
  {
    name: 'old attempts are removed, the one before stays',
    sandbox: aSandbox(['main#0 exited!1', 'main#1 exited!1', 'main#2 running']),
    plan: ['remove main#0'],
  },
  {
    name: 'an earlier attempt that runs after all is killed',
    sandbox: aSandbox(['main#0 running', 'main#1 running']),
    plan: ['remove main#0'],
  },
  {
    name: 'what could not start goes before the next attempt',
    sandbox: aSandbox(['main#0 created']),
    view: { images: readyImage('main', 1), failedStarts: new Map([['main#0', { reason: 'x', message: 'x', retryAtMs: 0 }]]) },
    plan: ['remove main#0', 'run main#1'],
  },
  { name: 'init containers go one by one', pod: withInit, sandbox: aSandbox(['one#0 running']), plan: [] },
  { name: 'the second after the first', pod: withInit, sandbox: aSandbox(['one#0 exited!0']), plan: ['image two#0'] },
  { name: 'the main one after the last', pod: withInit, sandbox: aSandbox(['one#0 exited!0', 'two#0 exited!0']), plan: ['image main#0'] },
  { name: 'init containers do not run again once the main one has', pod: withInit, sandbox: aSandbox(['main#0 running']), plan: [] },
  {
    name: 'a sidecar ends when the others have',
    pod: withSidecar,
    sandbox: aSandbox(['side#0 running', 'main#0 exited!0']),
    plan: ['stop side#0 30000'],
  },
  {
    name: 'an unhealthy container is killed',
    sandbox: aSandbox(['main#0 running']),
    view: { probes: new Map([['main#0', { ready: false, started: true, unhealthy: 'liveness' }]]) },
    plan: ['stop main#0 30000'],
  },
  {
    name: 'it is not killed twice',
    sandbox: aSandbox(['main#0 running']),
    view: {
      probes: new Map([['main#0', { ready: false, started: true, unhealthy: 'liveness' }]]),
      stopping: new Map([['main#0', 1_030_000]]),
    },
    plan: [],
  },
  { name: 'a deleted pod is stopped', pod: deleted(web, 7), sandbox: aSandbox(['main#0 running']), plan: ['stop main#0 7000'] },
  {
    name: 'sidecars are stopped last',
    pod: deleted(withSidecar),
    sandbox: aSandbox(['side#0 running', 'main#0 running']),
    plan: ['stop side#0 30000 after main', 'stop main#0 30000'],
  },
  { name: 'a stopped pod is removed', pod: deleted(web), sandbox: aSandbox(['main#0 exited!0']), plan: ['remove-sandbox'] },
  { name: 'a removed pod is forgotten', pod: deleted(web), sandbox: null, plan: ['forget'] },
  {
    name: 'a pod that never ran is forgotten at once',
    pod: deleted(aPod('web')),
    sandbox: null,
    view: { prepared: false },
    plan: ['forget'],
  },
  { name: 'a pod that is done is left as it is', pod: { ...web, status: { phase: 'Succeeded' } }, sandbox: null, plan: [] },
  {
    name: 'a problem is waited for',
    sandbox: null,
    view: { problems: new Map([['', { reason: 'x', message: 'x', retryAtMs: 1_005_000 }]]) },
    plan: [],
  },
]
for (const { name, pod = web, sandbox, view, plan } of cases)
  test(name, () => assert.deepEqual(planPod(aView(pod, { ...(sandbox && { sandboxes: [sandbox] }), ...view })).steps.map(shown), plan))

test('a plan that waits says how long', () => {
  const view = aView(web, {
    sandboxes: [aSandbox(['main#0 exited!1'])],
    backoffs: new Map([['main', { delayMs: 10_000, atMs: 990_000 }]]),
    endSeenAtMs: new Map([['main#0', 996_000]]),
  })
  const plan = planPod(view)
  assert.deepEqual([plan.steps, plan.againInMs, plan.crashLoops.get('main')], [[], 6_000, { waitMs: 6_000, delayMs: 10_000 }])
})

test('whatever is seen, a plan is made, and never one that could make a second sandbox', () => {
  for (let seed = 1; seed <= 2_000; seed++) {
    const random = seeded(seed)
    const pick = <T>(...values: readonly T[]): T => values[Math.floor(random() * values.length)]!
    const states = (): readonly string[] =>
      ['side', 'one', 'main', 'more'].flatMap((name) =>
        Array.from(
          { length: Math.floor(random() * 3) },
          (_, attempt) => `${name}#${attempt} ${pick('created', 'running', 'exited!0', 'exited!1', 'exited!?')}`,
        ),
      )
    const pod = aPod('web', {
      restartPolicy: pick('Always', 'OnFailure', 'Never'),
      containers: [aContainer('main'), aContainer('more')],
      initContainers: [init('side', { restartPolicy: pick('Always', undefined) }), init('one')],
    })
    const sandboxes = Array.from({ length: Math.floor(random() * 3) }, (_, index) =>
      aSandbox(states(), { id: `s${index}`, ready: random() < 0.6 }),
    )
    const view = aView(pick(pod, pod, deleted(pod)), { sandboxes, orphaned: random() < 0.1, prepared: random() < 0.8 })
    const steps = planPod(view).steps.map(shown)
    if (steps.includes('run-sandbox')) assert.equal(sandboxes.length, 0, `seed ${seed}`)
    if (steps.some((step) => /^(run|start|image) /.test(step)))
      assert.deepEqual(
        sandboxes.map(({ ready }) => ready),
        [true],
        `seed ${seed}: containers start in one working sandbox alone`,
      )
    if (steps.includes('forget')) assert.equal(sandboxes.length, 0, `seed ${seed}`)
  }
})
