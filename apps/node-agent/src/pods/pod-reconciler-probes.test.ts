import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aContainer, aPod, PodWorld } from './pods-harness.ts'

const conditionOf = (world: PodWorld, name: string, type: string) =>
  world.status(name)?.conditions?.find((condition) => condition.type === type)?.status
const containerOf = (world: PodWorld, name: string, container = 'main') =>
  world.status(name)?.containerStatuses?.find((status) => status.name === container)

test('a failing liveness probe restarts the container, a failing readiness probe makes it not ready', async () => {
  const world = new PodWorld()
  await world.assign(
    aPod('web', {
      containers: [
        aContainer('main', {
          livenessProbe: { httpGet: { port: 80, path: '/live' }, periodSeconds: 5, failureThreshold: 2 },
          readinessProbe: { httpGet: { port: 'http', path: '/ready' }, periodSeconds: 5, failureThreshold: 1 },
          ports: [{ name: 'http', containerPort: 80 }],
        }),
      ],
    }),
  )
  await world.pass(1_000)
  assert.equal(conditionOf(world, 'web', 'Ready'), 'True')
  world.dialer.answers.set('/ready', 503)
  await world.pass(6_000)
  assert.equal(conditionOf(world, 'web', 'Ready'), 'False')
  assert.equal(world.status('web')?.conditions?.find(({ type }) => type === 'Ready')?.message, 'containers with unready status: [main]')
  const id = world.containerId('web')
  world.dialer.answers.set('/live', 500)
  await world.pass(11_000)
  world.dialer.answers.clear()
  await world.pass(6_000)
  assert.notEqual(world.containerId('web'), id)
  assert.equal(conditionOf(world, 'web', 'Ready'), 'True')
  for (const event of [
    'Unhealthy: Readiness probe failed: HTTP probe failed with statuscode: 503',
    'Unhealthy: Liveness probe failed: HTTP probe failed with statuscode: 500',
    'Killing: Container main failed liveness probe, will be restarted',
  ])
    assert.ok(world.events().includes(event), event)
})

test('a startup probe gates the others, and kills what never starts', async () => {
  const world = new PodWorld()
  world.dialer.answers.set('/started', 500)
  await world.assign(
    aPod('web', {
      containers: [
        aContainer('main', {
          startupProbe: { httpGet: { port: 80, path: '/started' }, periodSeconds: 10, failureThreshold: 3 },
          livenessProbe: { tcpSocket: { port: 80 }, periodSeconds: 1, failureThreshold: 1 },
        }),
      ],
    }),
  )
  world.dialer.closed.add('10.42.0.2')
  await world.pass(15_000)
  assert.deepEqual(
    [containerOf(world, 'web')?.started, containerOf(world, 'web')?.ready, containerOf(world, 'web')?.restartCount],
    [false, false, 0],
  )
  await world.pass(10_000)
  assert.equal(containerOf(world, 'web')?.restartCount, 1)
  world.dialer.answers.clear()
  world.dialer.closed.clear()
  await world.pass(20_000)
  assert.deepEqual([containerOf(world, 'web')?.started, containerOf(world, 'web')?.ready], [true, true])
})

test('an exec probe asks inside the container', async () => {
  const world = new PodWorld()
  await world.assign(
    aPod('web', {
      containers: [aContainer('main', { readinessProbe: { exec: { command: ['sh', '-c', 'echo no; exit 1'] }, failureThreshold: 1 } })],
    }),
  )
  await world.pass(100)
  assert.equal(conditionOf(world, 'web', 'Ready'), 'False')
  assert.ok(world.events().includes('Unhealthy: Readiness probe failed: no\n'))
})

test('last words and memory deaths show in the status', async () => {
  const world = new PodWorld()
  await world.assign(aPod('web', { restartPolicy: 'Never' }))
  const id = world.containerId('web')
  world.files.lastWords.set(id, 'bye')
  world.runtime.crash(id, 137, true)
  await world.pass(100)
  const { terminated } = containerOf(world, 'web')!.state!
  assert.deepEqual([terminated?.reason, terminated?.message, terminated?.exitCode], ['OOMKilled', 'bye', 137])
})

test('an answer that could not be had counts for nothing', async () => {
  const world = new PodWorld()
  await world.assign(
    aPod('web', {
      containers: [aContainer('main', { livenessProbe: { tcpSocket: { port: 'nameless' }, periodSeconds: 1, failureThreshold: 1 } })],
    }),
  )
  await world.pass(30_000)
  assert.equal(containerOf(world, 'web')?.restartCount, 0)
  const event = "Unhealthy: Liveness probe errored and resulted in unknown state: couldn't find port: nameless in container main"
  assert.ok(world.events().includes(event), world.events().join('\n'))
})

test('a redirect that leads away is well, with a warning', async () => {
  const world = new PodWorld()
  world.dialer.answers.set('/ready', 301)
  await world.assign(aPod('web', { containers: [aContainer('main', { readinessProbe: { httpGet: { port: 80, path: '/ready' } } })] }))
  assert.equal(conditionOf(world, 'web', 'Ready'), 'True')
  assert.ok(world.events().includes('ProbeWarning: Readiness probe warning: Probe terminated redirects, Response body: '))
})

test('a probe may give its container less time to end than the pod does', async () => {
  const world = new PodWorld()
  world.dialer.answers.set('/live', 500)
  await world.assign(
    aPod('web', {
      terminationGracePeriodSeconds: 300,
      containers: [
        aContainer('main', {
          command: ['sh', '-c', "trap '' TERM; sleep infinity"],
          livenessProbe: { httpGet: { port: 80, path: '/live' }, periodSeconds: 1, failureThreshold: 1, terminationGracePeriodSeconds: 5 },
        }),
      ],
    }),
  )
  await world.pass(7_000)
  assert.equal(containerOf(world, 'web')?.restartCount, 1)
})
