import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, it, type TestContext } from 'node:test'
import { imagePromises } from './contract/image-promises.ts'
import { logPromises } from './contract/log-promises.ts'
import { isRuntimeError, PodUnderTest, type PromiseOf, type RuntimeHarness } from './contract/pod-under-test.ts'
import { processPromises } from './contract/process-promises.ts'
import { resourcePromises } from './contract/resource-promises.ts'
import { securityPromises } from './contract/security-promises.ts'
import { attachPromises, execPromises, portPromises } from './contract/stream-promises.ts'

export type { RuntimeHarness } from './contract/pod-under-test.ts'

/**
 * What every runtime promises, run against the fake and the real ones alike. `make` registers its own clean-up with `t.after`.
 *
 * @param skip Title of a test → why this runtime cannot pass it.
 */
export function runtimeContract(
  name: string,
  make: (t: TestContext) => Promise<RuntimeHarness>,
  skip: Readonly<Record<string, string>> = {},
): void {
  const promise = (title: string, body: (pod: PodUnderTest, t: TestContext) => Promise<void>, realOnly = false): void => {
    it(title, async (t) => {
      if (skip[title] !== undefined) return t.skip(skip[title])
      const harness = await make(t)
      if (realOnly && !harness.real) return t.skip('no process runs here')
      const pod = new PodUnderTest(harness)
      t.after(() => pod.remove())
      await body(pod, t)
    })
  }
  describe(`${name} is a runtime`, () => {
    sandboxPromises(promise)
    containerPromises(promise)
    processPromises(promise)
    securityPromises(promise)
    execPromises(promise)
    attachPromises(promise)
    portPromises(promise)
    logPromises(promise)
    resourcePromises(promise)
    imagePromises(promise)
  })
}
function sandboxPromises(promise: PromiseOf): void {
  promise('a runtime that works says so, with a version', async ({ harness: { runtime } }) => {
    const status = await runtime.status()
    assert.equal(status.ready, true, status.reason)
    assert.match(status.version, /^\d+\.\d+/)
  })
  promise('running a sandbox twice for one pod returns the same sandbox', async (pod) => {
    assert.equal(await pod.sandbox(), await pod.sandbox())
    assert.equal((await pod.harness.runtime.observe(pod.uid)).length, 1)
  })
  promise('a sandbox is found again by its labels, with its address', async (pod) => {
    const id = await pod.sandbox()
    const seen = await pod.observe()
    assert.deepEqual(
      { id: seen.id, podUid: seen.podUid, namespace: seen.namespace, name: seen.name, ready: seen.ready, containers: seen.containers },
      { id, podUid: pod.uid, namespace: 'default', name: 'web', ready: true, containers: [] },
    )
    assert.match(seen.ip ?? '', /^\d+\.\d+\.\d+\.\d+$/)
    assert.ok(
      (await pod.harness.runtime.observe()).some((sandbox) => sandbox.podUid === pod.uid),
      'observe() without a uid finds it too',
    )
  })
  promise('a pod on the host network has no address of its own', async (pod) => {
    await pod.sandbox({ hostNetwork: true })
    assert.equal((await pod.observe()).ip, undefined)
  })
  promise('removing a sandbox removes its containers, running or not; removing it again succeeds', async (pod) => {
    const sandboxId = await pod.sandbox()
    await pod.start({ name: 'a', args: ['sleep 600'] })
    await pod.start({ name: 'b', args: ['exit 0'] })
    await pod.harness.runtime.removeSandbox(sandboxId)
    assert.deepEqual(await pod.harness.runtime.observe(pod.uid), [])
    await pod.harness.runtime.removeSandbox(sandboxId)
  })
  promise('an unknown pod is not observed', async ({ harness: { runtime } }) => {
    assert.deepEqual(await runtime.observe(randomUUID()), [])
  })
}

function containerPromises(promise: PromiseOf): void {
  promise('a created container has not started', async (pod) => {
    const id = await pod.create({ annotations: { 'bramble.test/note': 'kept = as it is' } })
    const seen = await pod.container(id)
    assert.equal(seen.state, 'created')
    assert.equal(seen.startedAtMs, undefined)
    assert.equal(seen.exitCode, undefined)
    assert.deepEqual(
      { name: seen.name, attempt: seen.attempt, reference: seen.imageReference, note: seen.annotations['bramble.test/note'] },
      { name: 'main', attempt: 0, reference: pod.harness.image, note: 'kept = as it is' },
    )
  })
  promise('creating the same name and attempt twice returns the same container', async (pod) => {
    assert.equal(await pod.create({}), await pod.create({}))
    assert.equal((await pod.observe()).containers.length, 1)
  })
  promise('a started container is observed running; starting it again succeeds', async (pod) => {
    const id = await pod.start({ args: ['sleep 600'] })
    await pod.harness.runtime.startContainer(id)
    const seen = await pod.container(id)
    assert.equal(seen.state, 'running')
    assert.ok(seen.startedAtMs! >= seen.createdAtMs - 1000)
  })
  for (const exitCode of [0, 3])
    promise(`a container that ends with ${exitCode} is observed exited with ${exitCode}`, async (pod) => {
      const seen = await pod.exited(await pod.start({ args: [`exit ${exitCode}`] }))
      assert.equal(seen.exitCode, exitCode)
      assert.ok(seen.finishedAtMs! >= seen.startedAtMs! - 1000)
      assert.notEqual(seen.oomKilled, true)
    })
  promise('stopping sends SIGKILL after the grace period', async (pod) => {
    const id = await pod.start({ args: ["trap '' TERM; echo up; sleep 600"] })
    await pod.logged(id, /up/)
    await pod.passing(pod.harness.runtime.stopContainer(id, 300))
    assert.equal((await pod.exited(id)).exitCode, 137)
  })
  promise('stopping twice, or something absent, succeeds', async (pod) => {
    const id = await pod.start({ args: ['sleep 600'] })
    await pod.passing(pod.harness.runtime.stopContainer(id, 0))
    assert.equal((await pod.exited(id)).state, 'exited')
    await pod.harness.runtime.stopContainer(id, 0)
    await pod.harness.runtime.stopContainer('0123456789abcdef', 0)
  })
  promise('removing a running container kills it; removing it again, or something absent, succeeds', async (pod) => {
    const id = await pod.start({ args: ['sleep 600'] })
    await pod.harness.runtime.removeContainer(id)
    assert.deepEqual((await pod.observe()).containers, [])
    await pod.harness.runtime.removeContainer(id)
    await pod.harness.runtime.removeContainer('0123456789abcdef')
  })
  promise('attempts of one container live beside each other, each with its own log', async (pod) => {
    await pod.exited(await pod.start({ attempt: 0, args: ['echo first; exit 1'] }))
    const second = await pod.start({ attempt: 1, args: ['echo second; sleep 600'] })
    await pod.logged(second, /second/)
    const { containers } = await pod.observe()
    assert.deepEqual(containers.map(({ attempt, state }) => [attempt, state]).sort(), [
      [0, 'exited'],
      [1, 'running'],
    ])
    assert.doesNotMatch(await pod.log(second), /first/)
  })
  promise('a command that cannot be run is a RunContainerError', async (pod) => {
    const id = await pod.create({ command: ['/no/such/program'], args: [] })
    await assert.rejects(pod.harness.runtime.startContainer(id), isRuntimeError('RunContainerError'))
  })
  promise('the end of a container is hinted', async (pod) => {
    const stop = new AbortController()
    const hints = pod.harness.runtime.hints(stop.signal)[Symbol.asyncIterator]()
    const first = hints.next()
    await pod.harness.pause()
    await pod.exited(await pod.start({ args: ['exit 0'] }))
    const seen = await pod.passing(first)
    assert.equal(seen.done ? undefined : seen.value.podUid, pod.uid)
    stop.abort()
    await hints.return?.()
  })
}
