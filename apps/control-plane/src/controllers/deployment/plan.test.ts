import assert from 'node:assert/strict'
import { test } from 'node:test'
import { planDeployment, type DeploymentPlan } from './plan.ts'
import { DESIRED_REPLICAS, MAX_REPLICAS, REVISION, REVISION_HISTORY } from './replica-sets.ts'
import { aDeployment, aSet, type DeploymentWish } from './testing.ts'

interface Case {
  readonly name: string
  readonly wish?: DeploymentWish
  readonly sets: readonly string[]
  readonly oldPodsLeft?: boolean
  /** `+v2:1` makes a set, `v1:2` resizes one, `-v1` removes one. */
  readonly expect: readonly string[]
}

const cases: readonly Case[] = [
  { name: 'makes the first set at full size', sets: [], expect: ['+v2:3'] },
  { name: 'settles when all is new', sets: ['v2:3'], expect: [] },
  { name: 'begins a rollout with the surge', sets: ['v1:3'], expect: ['+v2:1'] },
  { name: 'begins a rollout empty when no surge is allowed', wish: { surge: 0, unavailable: 1 }, sets: ['v1:3'], expect: ['+v2:0'] },
  { name: 'waits while the surge is not available and nothing may be missing', sets: ['v1:3', 'v2:1/0'], expect: [] },
  { name: 'gives up an old pod for each new one that is available', sets: ['v1:3', 'v2:1'], expect: ['v1:2'] },
  { name: 'grows the new set into the room that was made', sets: ['v1:2', 'v2:1'], expect: ['v2:2'] },
  {
    name: 'gives up what may be missing first when there is no surge',
    wish: { surge: 0, unavailable: 1 },
    sets: ['v1:3', 'v2:0'],
    expect: ['v1:2'],
  },
  {
    name: 'moves one by one when both bounds are nothing',
    wish: { surge: 0, unavailable: '10%' },
    sets: ['v1:3', 'v2:0'],
    expect: ['v1:2'],
  },
  { name: 'replaces broken old pods before working ones', wish: { replicas: 4 }, sets: ['v0:2/0', 'v1:2', 'v2:1/0'], expect: ['v0:1'] },
  { name: 'takes working pods from the oldest set first', wish: { replicas: 4 }, sets: ['v0:2', 'v1:2', 'v2:1'], expect: ['v0:0'] },
  {
    name: 'a new template in the middle of a rollout shares the surge',
    wish: { image: 'v3' },
    sets: ['v1:3', 'v2:1/0'],
    expect: ['+v3:0'],
  },
  { name: 'rolling back uses the old set again', wish: { image: 'v1' }, sets: ['v1:0', 'v2:3'], expect: ['v1:1'] },
  { name: 'scales the only set', wish: { replicas: 5 }, sets: ['v2:3=3+1'], expect: ['v2:5'] },
  { name: 'scales to nothing', wish: { replicas: 0 }, sets: ['v2:3=3+1'], expect: ['v2:0'] },
  { name: 'scales down a set that grew by hand', sets: ['v2:5'], expect: ['v2:3'] },
  {
    name: 'scaling in the middle of a rollout is shared in proportion',
    wish: { replicas: 15, surge: 3, unavailable: 2 },
    sets: ['v1:8=10+3', 'v2:5/0=10+3'],
    expect: ['v1:11', 'v2:7'],
  },
  {
    name: 'shrinking in the middle of a rollout is shared in proportion',
    wish: { replicas: 5, surge: 3, unavailable: 2 },
    sets: ['v1:8=10+3', 'v2:5/0=10+3'],
    expect: ['v1:5', 'v2:3'],
  },
  {
    name: 'scaling to nothing in the middle of a rollout empties all',
    wish: { replicas: 0 },
    sets: ['v1:2=3+1', 'v2:2/0=3+1'],
    expect: ['v1:0', 'v2:0'],
  },
  {
    name: 'scales before it rolls out a template that came with it',
    wish: { replicas: 5, image: 'v3' },
    sets: ['v2:3=3+1'],
    expect: ['v2:5'],
  },
  { name: 'paused, it makes no set', wish: { paused: true }, sets: ['v1:3'], expect: [] },
  { name: 'paused, it still scales', wish: { paused: true, replicas: 5 }, sets: ['v1:3=3+1'], expect: ['v1:5'] },
  { name: 'Recreate empties the old sets first', wish: { strategy: 'Recreate' }, sets: ['v1:3'], expect: ['v1:0'] },
  { name: 'Recreate waits for the last old pod', wish: { strategy: 'Recreate' }, sets: ['v1:0'], oldPodsLeft: true, expect: [] },
  { name: 'Recreate then makes the new set at full size', wish: { strategy: 'Recreate' }, sets: ['v1:0'], expect: ['+v2:3'] },
  {
    name: 'Recreate grows a set that was there before',
    wish: { strategy: 'Recreate', image: 'v1' },
    sets: ['v1:0', 'v2:0'],
    expect: ['v1:3'],
  },
  {
    name: 'removes empty sets beyond the history',
    wish: { image: 'v4', historyLimit: 1 },
    sets: ['v1:0', 'v2:0', 'v3:0', 'v4:3'],
    expect: ['-v1', '-v2'],
  },
  {
    name: 'keeps the history while a rollout is under way',
    wish: { image: 'v4', historyLimit: 0 },
    sets: ['v1:0', 'v2:0', 'v4:3/2'],
    expect: [],
  },
]

for (const { name, wish, sets, oldPodsLeft = false, expect } of cases)
  test(name, () => {
    const deployment = aDeployment(wish)
    const plan = planDeployment({ deployment, sets: sets.map((text) => aSet(text, deployment)), oldPodsLeft })
    assert.deepEqual(shown(plan, wish?.image ?? 'v2'), expect)
  })

test('a set is stamped with revision, size and what the Deployment says, but not with what was applied', () => {
  const deployment = aDeployment({
    annotations: { 'kubernetes.io/change-cause': 'new image', 'kubectl.kubernetes.io/last-applied-configuration': '{}' },
  })
  assert.deepEqual(planDeployment({ deployment, sets: [aSet('v1:3#7')], oldPodsLeft: false }).create?.annotations, {
    'kubernetes.io/change-cause': 'new image',
    [REVISION]: '8',
    [DESIRED_REPLICAS]: '3',
    [MAX_REPLICAS]: '4',
  })
})

test('rolling back gives the old set the next revision and remembers the one it had', () => {
  const deployment = aDeployment({ image: 'v1' })
  const plan = planDeployment({ deployment, sets: [aSet('v1:0#1'), aSet('v2:3#2')], oldPodsLeft: false })
  assert.equal(plan.revision, '3')
  assert.deepEqual(
    plan.change.map(({ annotations }) => annotations),
    [{ [REVISION]: '3', [REVISION_HISTORY]: '1' }],
  )
})

test('a longer minReadySeconds reaches the present set', () => {
  const deployment = aDeployment()
  deployment.spec.minReadySeconds = 10
  assert.deepEqual(
    planDeployment({ deployment, sets: [aSet('v2:3')], oldPodsLeft: false }).change.map((change) => change.minReadySeconds),
    [10],
  )
})

function shown(plan: DeploymentPlan, image: string): string[] {
  return [
    ...(plan.create ? [`+${image}:${plan.create.replicas}`] : []),
    ...plan.change.filter(({ replicas }) => replicas !== undefined).map(({ set, replicas }) => `${set.metadata.name.slice(4)}:${replicas}`),
    ...plan.remove.map((set) => `-${set.metadata.name.slice(4)}`),
  ]
}
