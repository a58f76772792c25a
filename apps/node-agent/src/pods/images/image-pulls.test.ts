import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Secret } from '@bramble/api/types/core'
import type { Pod } from '@bramble/api/types/pod'
import type { StatusReport } from '@bramble/link/link'
import { simEnv } from '@bramble/reconcile/sim/sim-env'
import { RuntimeError } from '../../runtime/runtime.ts'
import { PodEvents } from '../events.ts'
import { aContainer, aPod, FakeConfigs } from '../pods-harness.ts'
import { FakeImages } from './fake-images.fixture.ts'
import { type ImageSettings, makePulls } from './make-pulls.ts'

const WEB = 'pi.local:5000/team/web:1'
const signal = new AbortController().signal

test('an image that is here is used, unless the policy is Always', async () => {
  const node = aNode()
  node.images.add(WEB)
  await node.get(wanting('a', WEB, 'IfNotPresent'))
  assert.deepEqual(node.progress('a'), { type: 'ready', imageId: `sha256:${WEB}` })
  assert.deepEqual(node.events(), [`Pulled: Container image "${WEB}" already present on machine and can be accessed by the pod`])
  await node.get(wanting('b', WEB, 'Always'))
  assert.equal(node.progress('b')?.type, 'pulling')
  assert.deepEqual(node.images.pulls, [WEB])
})

test('an image that arrived while nobody looked is found', async () => {
  const node = aNode()
  node.images.missing.add(WEB)
  await node.get(wanting('a', WEB))
  await node.pass(2_000)
  assert.equal(node.reason('a'), 'ErrImagePull')
  node.images.add(WEB)
  await node.get(wanting('a', WEB))
  assert.equal(node.progress('a')?.type, 'ready', 'at once, whatever the back-off')
})

test('a pull tells its time, with and without the wait for its turn, and the size', async () => {
  const node = aNode({ parallelMax: 1 })
  await node.get(wanting('a', 'pi/a:1'))
  await node.get(wanting('b', 'pi/b:1'))
  await node.pass(3_000)
  assert.deepEqual(node.events(), [
    'Pulling: Pulling image "pi/a:1"',
    'Pulling: Pulling image "pi/b:1"',
    'Pulled: Successfully pulled image "pi/a:1" in 1.234s (1.234s including waiting). Image size: 1000 bytes.',
    'Pulled: Successfully pulled image "pi/b:1" in 1.234s (2.468s including waiting). Image size: 1000 bytes.',
  ])
  assert.deepEqual(node.woken, ['uid-a', 'uid-b'])
})

test('at most so many pulls go on at once, and one for all that want the same', async () => {
  const node = aNode({ parallelMax: 2 })
  for (const index of [1, 2, 3, 4, 5, 6]) await node.get(wanting(`p${index}`, `pi/image-${index % 4}:1`))
  await node.pass(10_000)
  assert.equal(node.images.atOnceMax, 2)
  assert.deepEqual(node.images.pulls, ['pi/image-1:1', 'pi/image-2:1', 'pi/image-3:1', 'pi/image-0:1'])
  for (const index of [1, 2, 3, 4, 5, 6]) assert.equal(node.progress(`p${index}`)?.type, 'ready')
})

test('what fails is said in the registry’s words, waits 10 s, then twice as long, up to 5 min', async () => {
  const node = aNode()
  node.images.missing.add(WEB)
  const pod = wanting('a', WEB)
  await node.get(pod)
  await node.pass(1_234)
  const words = `reading manifest of ${WEB}: manifest unknown`
  assert.deepEqual(node.waiting('a'), ['ErrImagePull', words])
  const waits: number[] = []
  for (let round = 0; round < 7; round++) {
    await node.get(pod)
    assert.deepEqual(node.waiting('a'), ['ImagePullBackOff', `Back-off pulling image "${WEB}": ErrImagePull: ${words}`])
    const { retryAtMs } = node.progress('a') as { retryAtMs: number }
    waits.push(Math.round((retryAtMs - node.env.clock.monotonicMs()) / 1_000))
    await node.pass(retryAtMs - node.env.clock.monotonicMs())
    await node.get(pod)
    assert.equal(node.progress('a')?.type, 'pulling')
    await node.pass(1_234)
  }
  assert.deepEqual(waits, [10, 20, 40, 80, 160, 300, 300])
  for (const event of [
    `Failed: Failed to pull image "${WEB}": ${words}`,
    'Failed: Error: ErrImagePull',
    `BackOff: Back-off pulling image "${WEB}"`,
    'Failed: Error: ImagePullBackOff',
  ])
    assert.ok(node.events().includes(event), event)
})

test('reasons that a runtime tells apart are shown as they are', async () => {
  const node = aNode()
  node.images.pullImage = () => Promise.reject(new RuntimeError('RegistryUnavailable', 'connection refused'))
  await node.get(wanting('a', WEB))
  await node.pass(0)
  assert.deepEqual(node.waiting('a'), [
    'RegistryUnavailable',
    `image pull failed for ${WEB} because the registry is unavailable: connection refused`,
  ])
})

test('names that are none, and images that may not be pulled', async () => {
  const node = aNode()
  await node.get(wanting('a', 'no name'))
  assert.deepEqual(node.waiting('a'), ['InvalidImageName', 'Failed to apply default image tag "no name": "no name" is no name'])
  await node.get(wanting('b', WEB, 'Never'))
  assert.deepEqual(node.waiting('b'), ['ErrImageNeverPull', `Container image "${WEB}" is not present with pull policy of Never`])
  assert.ok(node.events().includes('InspectFailed: Failed to apply default image tag "no name": "no name" is no name'))
})

test('a registry that goes silent is given up in words, one that is slow is not', async () => {
  const seen = { bytes: 0 }
  const node = aNode({ stallMs: 60_000, activity: async () => String(seen.bytes) })
  node.images.silent.add(WEB)
  await node.get(wanting('a', WEB))
  for (let minute = 0; minute < 10; minute++) {
    seen.bytes++
    await node.pass(50_000)
  }
  assert.equal(node.progress('a')?.type, 'pulling', 'bytes trickle in')
  await node.pass(70_000)
  assert.deepEqual(node.waiting('a'), ['ErrImagePull', `pulling image "${WEB}": the registry sent nothing for 1m0s; given up`])
})

test('where nobody can tell whether bytes come, an hour is the limit', async () => {
  const node = aNode()
  node.images.silent.add(WEB)
  await node.get(wanting('a', WEB))
  await node.pass(59 * 60_000)
  assert.equal(node.progress('a')?.type, 'pulling')
  await node.pass(2 * 60_000)
  assert.match(node.waiting('a')?.[1] ?? '', /not done after 1h0m0s; given up/)
})

test('what ran here before starts with the old image when the registry does not answer', async () => {
  const node = aNode()
  node.images.add(WEB)
  node.images.silent.add(WEB)
  await node.get(wanting('a', WEB, 'Always'), true)
  await node.pass(15_000)
  assert.equal(node.progress('a')?.type, 'ready')
  assert.ok(node.events().some((event) => event.startsWith(`Failed: Failed to pull image "${WEB}"`)))
})

// ── logins ────────────────────────────────────────────────────────────────────

test('logins come from pull secrets; what is missing is told and the pull goes on', async () => {
  const node = aNode()
  node.images.logins.set(WEB, 'anna:pw')
  node.secret('reg', { 'pi.local:5000/team': { username: 'anna', password: 'pw' } })
  await node.get(wanting('a', WEB, 'IfNotPresent', ['gone', 'reg', 'lost']))
  await node.pass(2_000)
  assert.equal(node.progress('a')?.type, 'ready')
  assert.ok(
    node
      .events()
      .includes(
        'FailedToRetrieveImagePullSecret: Unable to retrieve some image pull secrets (gone, lost); attempting to pull the image may not succeed.',
      ),
  )
})

test('a pull secret that cannot be read fails the pull, by name alone', async () => {
  const node = aNode()
  node.configs.secrets.set('default/reg', secretOf('reg', '{"auths":{"x":{"password":"hush'))
  await node.get(wanting('a', WEB, 'IfNotPresent', ['reg']))
  assert.equal(node.reason('a'), 'ErrImagePull')
  assert.match(node.waiting('a')![1], /couldn't parse pull secret "default\/reg"/)
  assert.ok(!JSON.stringify(node.reports).includes('hush'))
})

test('a pod without the login does not get the image that another pod’s login brought', async () => {
  const node = aNode()
  node.images.logins.set(WEB, 'anna:pw')
  node.secret('reg', { 'pi.local:5000': { username: 'anna', password: 'pw' } })
  await node.get(wanting('owner', WEB, 'IfNotPresent', ['reg']))
  await node.pass(2_000)
  await node.get(wanting('thief', WEB))
  await node.get(wanting('never', WEB, 'Never'))
  await node.pass(2_000)
  assert.equal(node.progress('owner')?.type, 'ready')
  assert.deepEqual(node.waiting('thief'), ['ErrImagePull', `reading manifest of ${WEB}: unauthorized`])
  assert.match(node.waiting('never')![1], /does not have the proper credentials to access the image/)
  await node.get(wanting('friend', WEB, 'IfNotPresent', ['reg']))
  assert.equal(node.progress('friend')?.type, 'ready', 'without asking the registry')
  await node.get(wanting('thief', WEB), true)
  assert.equal(node.progress('thief')?.type, 'ready', 'one that has run here before may go on')
})

test('whose image it is stays known when it arrives after nobody waited any longer', async () => {
  const node = aNode({}, 40_000)
  node.images.logins.set(WEB, 'anna:pw')
  node.secret('reg', { 'pi.local:5000': { username: 'anna', password: 'pw' } })
  node.images.add(WEB)
  await node.get(wanting('owner', WEB, 'Always', ['reg']), true)
  await node.pass(20_000)
  assert.equal(node.progress('owner')?.type, 'ready', 'with what was here')
  await node.pass(30_000)
  await node.get(wanting('thief', WEB, 'Never'))
  assert.equal(node.reason('thief'), 'ErrImageNeverPull')
})

test('two pods with different logins do not share a pull', async () => {
  const node = aNode()
  node.images.logins.set(WEB, 'anna:pw')
  node.secret('reg', { 'pi.local:5000': { username: 'anna', password: 'pw' } })
  await node.get(wanting('owner', WEB, 'IfNotPresent', ['reg']))
  await node.get(wanting('thief', WEB))
  await node.pass(5_000)
  assert.equal(node.progress('owner')?.type, 'ready')
  assert.equal(node.reason('thief'), 'ErrImagePull')
})

test('an image of an archive is taken from there before any registry is asked', async () => {
  const node: Node = aNode({
    archives: {
      mayHold: (reference) => reference === WEB,
      provide: async () => void node.images.add(WEB),
    },
  })
  await node.get(wanting('a', WEB))
  await node.pass(0)
  assert.equal(node.progress('a')?.type, 'ready')
  assert.deepEqual([node.images.pulls, node.woken], [[], ['uid-a']])
})

// ── harness ───────────────────────────────────────────────────────────────────

const wanting = (
  name: string,
  image: string,
  imagePullPolicy: 'Always' | 'IfNotPresent' | 'Never' = 'IfNotPresent',
  secrets: string[] = [],
): Pod =>
  aPod(name, {
    containers: [aContainer('main', { image, imagePullPolicy })],
    imagePullSecrets: secrets.map((secret) => ({ name: secret })),
  })

const secretOf = (name: string, json: string): Secret => ({
  metadata: { name, namespace: 'default', uid: `uid-${name}`, resourceVersion: '1', creationTimestamp: '' },
  type: 'kubernetes.io/dockerconfigjson',
  data: { '.dockerconfigjson': Buffer.from(json).toString('base64') },
})

interface Node extends ReturnType<typeof aNode> {}

function aNode(settings: ImageSettings = {}, pullMs?: number) {
  const env = simEnv()
  const images = new FakeImages(env.clock, pullMs)
  const configs = new FakeConfigs()
  const reports: StatusReport[] = []
  const woken: string[] = []
  const pulls = makePulls(
    {
      images,
      env,
      events: new PodEvents(env, 'pi-1', (report) => reports.push(report)),
      secret: (namespace, name) => configs.secret(namespace, name),
      wake: (uid) => woken.push(uid),
      memoryBytes: 2 ** 32,
    },
    settings,
  )
  const progress = (name: string) => {
    const found = pulls.progressOf(`uid-${name}`).get('main')
    if (!found) return undefined
    const { attempt: _attempt, reference: _reference, ...rest } = found
    return rest
  }
  return {
    env,
    images,
    configs,
    reports,
    woken,
    progress,
    get: async (pod: Pod, mayUsePresent = false) => {
      await pulls.get(pod, pod.spec.containers[0]!, 0, mayUsePresent, signal)
    },
    pass: (ms: number) => env.clock.advance(ms),
    secret: (name: string, auths: unknown) => configs.secrets.set(`default/${name}`, secretOf(name, JSON.stringify({ auths }))),
    waiting: (name: string): readonly [string, string] | undefined => {
      const found = progress(name)
      return found?.type === 'failed' ? [found.reason, found.message] : undefined
    },
    reason: (name: string): string | undefined => {
      const found = progress(name)
      return found?.type === 'failed' ? found.reason : undefined
    },
    events: (): readonly string[] =>
      reports.flatMap((report) =>
        report.type === 'event' && report.event.count === 1 ? [`${report.event.reason}: ${report.event.message}`] : [],
      ),
  }
}
