import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mutableCopy } from '@bramble/api/object'
import type { Pod } from '@bramble/api/types/pod'
import type { Deployment, ReplicaSet } from '@bramble/api/types/workload'
import { seeded } from '@bramble/reconcile/sim/seeded'
import { isActive } from '../pod-availability.ts'
import { planReplicaSet } from '../replica-set/plan.ts'
import { replicaSetStatus } from '../replica-set/status.ts'
import { planDeployment } from './plan.ts'
import { currentSet, fenceposts, replicasOf } from './replica-sets.ts'
import { aDeployment, aSet, template } from './testing.ts'

const NOW = '2026-01-01T01:00:00Z'

/** Deployment, its sets and their pods, where Deployment and ReplicaSet controllers and nodes act in random order. */
class World {
  readonly deployment: Deployment
  sets: ReplicaSet[] = []
  pods: Pod[] = []
  #made = 0
  readonly #random: () => number

  constructor(deployment: Deployment, random: () => number) {
    this.deployment = deployment
    this.#random = random
  }

  pick<T>(items: readonly T[]): T | undefined {
    return items[Math.floor(this.#random() * items.length)]
  }

  podsOf(set: ReplicaSet): Pod[] {
    return this.pods.filter((pod) => pod.metadata.ownerReferences?.[0]?.uid === set.metadata.uid)
  }

  stepDeployment(): void {
    const current = currentSet(this.deployment, this.sets)
    const oldPodsLeft = this.sets.some((set) => set !== current && this.podsOf(set).length > 0)
    const plan = planDeployment({ deployment: this.deployment, sets: this.sets, oldPodsLeft })
    if (plan.create) {
      const image = this.deployment.spec.template.spec.containers[0]!.image
      const { status: _, ...made } = aSet(`${image}:0`, this.deployment)
      this.sets.push({
        ...made,
        metadata: { ...made.metadata, annotations: { ...plan.create.annotations } },
        spec: { ...made.spec, replicas: plan.create.replicas },
      })
    }
    this.sets = this.sets
      .filter((set) => !plan.remove.includes(set))
      .map((set) => {
        const change = plan.change.find((one) => one.set === set)
        if (!change) return set
        const next = mutableCopy(set)
        if (change.replicas !== undefined) {
          next.spec.replicas = change.replicas
          next.metadata.generation! += 1
        }
        Object.assign(next.metadata.annotations!, change.annotations)
        return next
      })
  }

  stepSet(set: ReplicaSet | undefined): void {
    if (!set) return
    const plan = planReplicaSet(set, this.podsOf(set), this.pods, 100)
    for (let index = 0; index < plan.create; index++) this.pods.push(this.#pod(set))
    const gone = new Set(plan.remove)
    this.pods = this.pods.map((pod) => (gone.has(pod) ? { ...pod, metadata: { ...pod.metadata, deletionTimestamp: NOW } } : pod))
    this.sets = this.sets.map((one) => (one === set ? { ...set, status: replicaSetStatus(set, this.podsOf(set), undefined, NOW) } : one))
  }

  makeReady(pod: Pod | undefined): void {
    this.pods = this.pods.map((one) =>
      one === pod
        ? { ...pod, status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: NOW }] } }
        : one,
    )
  }

  removeLeaving(): void {
    const leaving = this.pick(this.pods.filter((pod) => pod.metadata.deletionTimestamp))
    this.pods = this.pods.filter((pod) => pod !== leaving)
  }

  step(): void {
    const dice = this.#random()
    if (dice < 0.3) this.stepDeployment()
    else if (dice < 0.6) this.stepSet(this.pick(this.sets))
    else if (dice < 0.85) this.makeReady(this.pick(this.pods.filter((pod) => isActive(pod) && !isReady(pod))))
    else this.removeLeaving()
  }

  /** Everyone does all there is to do, in turn. */
  settle(): void {
    for (let round = 0; round < 60; round++) {
      this.stepDeployment()
      for (const set of this.sets) this.stepSet(this.sets.find((one) => one.metadata.uid === set.metadata.uid))
      for (const pod of this.pods) this.makeReady(pod)
      this.pods = this.pods.filter((pod) => !pod.metadata.deletionTimestamp)
    }
  }

  #pod(set: ReplicaSet): Pod {
    const name = `p${this.#made++}`
    return {
      metadata: {
        name,
        namespace: 'default',
        uid: name,
        resourceVersion: '1',
        creationTimestamp: NOW,
        labels: { app: 'web' },
        ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: set.metadata.name, uid: set.metadata.uid, controller: true }],
      },
      spec: { containers: [] },
    }
  }
}

const isReady = (pod: Pod): boolean => pod.status?.conditions?.[0]?.status === 'True'

function aRollout(seed: number): World {
  const random = seeded(seed)
  const replicas = Math.floor(random() * 12)
  const bounds = [0, 1, 2, '25%', '50%', '100%'] as const
  const bound = (): number | string => bounds[Math.floor(random() * bounds.length)]!
  const world = new World(aDeployment({ replicas, surge: bound(), unavailable: bound(), image: 'v1', historyLimit: 2 }), random)
  world.settle()
  return world
}

test('a rollout never has more pods than the surge allows nor fewer than must be available, in any step, for any order of steps', () => {
  for (let seed = 1; seed <= 120; seed++) {
    const world = aRollout(seed)
    const { surgeMax, unavailableMax } = fenceposts(world.deployment)
    const wanted = replicasOf(world.deployment)
    let image = 1
    for (let step = 0; step < 200; step++) {
      if (step % 60 === 0) world.deployment.spec.template = template(`v${++image}`) // a new template while the last is under way
      world.step()
      const active = world.pods.filter(isActive)
      assert.ok(active.length <= wanted + surgeMax, `seed ${seed}, step ${step}: ${active.length} pods of ${wanted} + ${surgeMax}`)
      const available = active.filter(isReady).length
      assert.ok(available >= wanted - unavailableMax, `seed ${seed}, step ${step}: ${available} available of ${wanted} - ${unavailableMax}`)
    }
  }
})

test('whatever was changed meanwhile, in the end all pods are new and the plan is empty', () => {
  for (let seed = 1; seed <= 120; seed++) {
    const world = aRollout(seed)
    const random = seeded(seed + 1000)
    for (let step = 0; step < 100; step++) {
      if (random() < 0.03) world.deployment.spec.template = template(`v${1 + Math.floor(random() * 4)}`)
      if (random() < 0.03) world.deployment.spec.replicas = Math.floor(random() * 12)
      if (random() < 0.02) world.deployment.spec.paused = random() < 0.5
      if (random() < 0.02)
        world.deployment.spec.strategy =
          random() < 0.5 ? { type: 'Recreate' } : { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } }
      if (random() < 0.05) world.pods = world.pods.filter(() => random() < 0.7)
      world.step()
    }
    world.deployment.spec.paused = false
    world.settle()
    const image = world.deployment.spec.template.spec.containers[0]!.image
    const current = currentSet(world.deployment, world.sets)
    assert.ok(current, `seed ${seed}: no set for ${image}`)
    assert.equal(world.podsOf(current).length, world.deployment.spec.replicas, `seed ${seed}`)
    assert.equal(
      world.pods.length,
      world.deployment.spec.replicas,
      `seed ${seed}: ${world.sets.map((set) => `${set.metadata.name}:${set.spec.replicas}`).join(' ')}`,
    )
    assert.ok(world.sets.length <= 3, `seed ${seed}: history of ${world.sets.length}`)
    const plan = planDeployment({ deployment: world.deployment, sets: world.sets, oldPodsLeft: false })
    assert.deepEqual({ ...plan, revision: '' }, { change: [], remove: [], revision: '' }, `seed ${seed}`)
  }
})
