import assert from 'node:assert/strict'
import type { it as declare, TestContext } from 'node:test'
import type { Secret } from '@bramble/api/types/core'
import type { StatusReport } from '@bramble/link/link'
import { systemClock } from '@bramble/reconcile/env'
import { silentLog } from '@bramble/reconcile/log'
import { pullActivity } from '../../runtime/pull-activity.ts'
import type { Runtime } from '../../runtime/runtime.ts'
import { PodEvents } from '../events.ts'
import { aContainer, aPod, FakeConfigs } from '../pods-harness.ts'
import type { ImageProgress } from '../pod-view.ts'
import { startProxy } from './cutting-proxy.fixture.ts'
import { ImageGarbage } from './image-garbage.ts'
import { type ImageSettings, makePulls } from './make-pulls.ts'
import { busyboxLayer, digestOf, LOGIN, noise, startRegistry } from './registry.fixture.ts'

// What holds with a real registry, whatever the runtime.

export interface RuntimeUnderTest {
  runtime(t: TestContext): Runtime
  /** The runtime trusts this authority for a registry. */
  trust(address: string, authority: string): Promise<void>
  /** The runtime may speak plain HTTP to a registry. */
  allowPlain(address: string): Promise<void>
  /** Of a registry that the runtime was told nothing of. containerd takes loopback for its own machine, where TLS is not needed. Default 127.0.0.1. */
  readonly strangeHost?: string
  /** Layers are fetched at once, each from where a cut left it: none may be complete then. */
  readonly inParallel?: true
}

const MIB = 1 << 20
/** Of registries without TLS that a node may use; others are on 127.0.0.1. */
export const PLAIN_HOST = '127.0.0.2'
const PAUSE_MS = 20
const WAIT_MS_MAX = 60_000
const QUIET_LOOKS = 8
const QUIET_LOOKS_MAX = 300
const QUIET_PAUSE_MS = 100

export function registryPromises(it: typeof declare, under: RuntimeUnderTest): void {
  it('a private image comes with the pod’s pull secret, over TLS of an own authority; the login shows nowhere', async (t) => {
    const registry = await startRegistry(t, { login: true, tls: true })
    await under.trust(registry.address, registry.authority!)
    const digest = await registry.push('team/web', '1', { layers: [noise('a', 1000)] })
    const node = aNode(under, t)
    node.secret('good', { [`${registry.address}/team`]: LOGIN })
    node.secret('wrong', { [registry.address]: { ...LOGIN, password: 'wrong-staple' } })
    const name = `${registry.address}/team/web`

    assert.match(await node.failure(`${name}:1`), /unauthorized|authentication required/i)
    assert.match(await node.failure(`${name}:1`, ['wrong']), /unauthorized|authentication required|invalid username\/password/i)
    await node.success(`${name}:1`, ['wrong', 'good'])
    await node.success(`${name}@${digest}`, ['good'])
    assert.match(await node.failure(`${name}:2`, ['good']), /manifest unknown|not found/i)
    assert.match(await node.failure(`${name}@sha256:${'0'.repeat(64)}`, ['good']), /manifest unknown|not found/i)
    assert.match(await node.failure(`${name}:1`), /unauthorized|authentication required/i, 'it is here, but not for everyone')
    const told = JSON.stringify(node.reports)
    for (const secret of [LOGIN.password, 'wrong-staple', Buffer.from(`anna:${LOGIN.password}`).toString('base64')])
      assert.ok(!told.includes(secret), 'no login in what is told')
  })

  it('a plain registry is used when the node is set up for it, and refused in words when it is not', async (t) => {
    const unknown = await startRegistry(t, { host: under.strangeHost ?? '127.0.0.1' })
    const registry = await startRegistry(t, { host: PLAIN_HOST })
    for (const each of [unknown, registry]) await each.push('web', '1', { layers: [noise('a', 1000)] })
    await under.allowPlain(registry.address)
    const node = aNode(under, t)
    assert.match(await node.failure(`${unknown.address}/web:1`), /HTTP response to HTTPS client|first record does not look like a TLS/)
    const pulled = await node.success(`${registry.address}/web:1`)
    assert.match(pulled, /^Successfully pulled image ".*" in [\d.]+m?s \([\d.]+m?s including waiting\)\. Image size: \d+ bytes\.$/)
  })

  it('a registry that is not there is said in words', async (t) => {
    const node = aNode(under, t)
    assert.match(await node.failure('127.0.0.1:9/web:1'), /connection refused/)
  })

  it('an image for another machine is refused in words', async (t) => {
    const registry = await startRegistry(t, { host: PLAIN_HOST })
    await under.allowPlain(registry.address)
    await registry.push('web', '1', { layers: [noise('a', 1000)], architecture: 's390x' })
    assert.match(await aNode(under, t).failure(`${registry.address}/web:1`), /no match for platform/)
  })

  it('a registry that goes silent is given up, and its connections are closed', async (t) => {
    const registry = await startRegistry(t, { host: PLAIN_HOST })
    const proxy = await startProxy(t, registry.address)
    await under.allowPlain(proxy.address)
    await registry.push('web', '1', { layers: [noise('a', 40 * MIB)] })
    const node = aNode(under, t, { stallMs: 2_000 })
    const failure = node.failure(`${proxy.address}/web:1`)
    await node.until(() => proxy.downBytes() > MIB, 'bytes come')
    proxy.stall()
    assert.match(await failure, /the registry sent nothing for 2s; given up/)
    await node.until(() => proxy.open() === 0, 'nobody holds the line')
  })

  it('after a cut in the middle of a layer the next try fetches no layer again that was complete', async (t) => {
    const registry = await startRegistry(t, { host: PLAIN_HOST })
    const proxy = await startProxy(t, registry.address)
    await under.allowPlain(proxy.address)
    const [first, second, big] = [await busyboxLayer(), noise('b', 2 * MIB), noise('c', 30 * MIB)]
    await registry.push('web', '1', { layers: [first, second, big] })
    const node = aNode(under, t)
    proxy.hold(digestOf(big), 10 * MIB)
    const failure = node.failure(`${proxy.address}/web:1`)
    await node.until(() => proxy.isHolding(), 'the middle of the big layer')
    await node.untilQuiet()
    proxy.cut()
    await failure
    const before = proxy.downBytes()
    proxy.mend()
    proxy.requests.length = 0
    await node.success(`${proxy.address}/web:1`)
    const blobs = proxy.requests.filter((request) => request.startsWith('GET') && request.includes('/blobs/'))
    t.diagnostic(`first ${first.length} second ${second.length} big ${big.length}; before ${before}, after ${proxy.downBytes() - before}`)
    if (!under.inParallel)
      for (const layer of [first, second]) assert.ok(!blobs.some((request) => request.includes(digestOf(layer))), blobs.join('\n'))
    assert.ok(proxy.downBytes() - before < big.length + MIB)
  })

  it('where one pull goes on at a time, the next begins when it is over', async (t) => {
    const registry = await startRegistry(t, { host: PLAIN_HOST })
    const proxy = await startProxy(t, registry.address)
    await under.allowPlain(proxy.address)
    const names = ['a', 'b', 'c']
    for (const name of names) await registry.push(name, '1', { layers: [noise(name, 2 * MIB), noise(`${name}2`, 2 * MIB)] })
    const node = aNode(under, t, { parallelMax: 1 })
    await Promise.all(names.map((name) => node.success(`${proxy.address}/${name}:1`)))
    const repositories = proxy.requests.flatMap((request) => /\/v2\/(\w+)\/blobs\//.exec(request)?.[1] ?? [])
    const turns = repositories.filter((name, index) => name !== repositories[index - 1])
    assert.deepEqual(turns.toSorted(), names, `each in one go: ${repositories}`)
  })

  it('what nothing needs is removed from a real store, what containers need is not', async (t) => {
    const registry = await startRegistry(t, { host: PLAIN_HOST })
    await under.allowPlain(registry.address)
    const node = aNode(under, t)
    const names = ['used', 'wanted', 'idle'].map((name) => `${registry.address}/${name}:1`)
    for (const name of ['used', 'wanted', 'idle']) await registry.push(name, '1', { layers: [await busyboxLayer(), noise(name, 8 * MIB)] })
    for (const name of names) await node.success(name)
    const [used, wanted, idle] = names as [string, string, string]
    await using _container = await node.runContainer(used)
    const garbage = new ImageGarbage({
      runtime: node.runtime,
      env: node.env,
      policy: { high: { usedShare: 0.85 }, low: { usedShare: 0.8 }, ageMsMin: 0 },
      wanted: () => [wanted],
      tellNode: () => {},
    })
    const freed = await garbage.freeBytes(Number.MAX_SAFE_INTEGER, t.signal)
    assert.ok(freed > 7 * MIB, `${freed} bytes`)
    assert.deepEqual(await Promise.all(names.map(async (name) => (await node.runtime.imageStatus(name)) !== undefined)), [
      true,
      true,
      false,
    ])
    assert.ok(idle)
  })
}

/** A node that pulls for one pod after the other. */
function aNode(under: RuntimeUnderTest, t: TestContext, settings: ImageSettings = {}) {
  const env = { clock: systemClock, random: () => 0.5, log: silentLog }
  const runtime = under.runtime(t)
  const configs = new FakeConfigs()
  const reports: StatusReport[] = []
  const pulls = makePulls(
    {
      images: runtime,
      env,
      events: new PodEvents(env, 'pi-1', (report) => reports.push(report)),
      secret: (namespace, name) => configs.secret(namespace, name),
      wake: () => {},
      memoryBytes: 2 ** 32,
    },
    { activity: () => pullActivity(), ...settings },
  )
  const until = async (good: () => boolean, what: string): Promise<void> => {
    for (let waitedMs = 0; !good(); waitedMs += PAUSE_MS) {
      assert.ok(waitedMs < WAIT_MS_MAX, `never: ${what}`)
      await systemClock.sleep(PAUSE_MS)
    }
  }
  /** The others are fetched and unpacked. */
  const untilQuiet = async (): Promise<void> => {
    let [last, equal] = [await pullActivity(), 0]
    for (let looks = 0; equal < QUIET_LOOKS; looks++) {
      assert.ok(looks < QUIET_LOOKS_MAX, 'the other layers never end')
      await systemClock.sleep(QUIET_PAUSE_MS)
      const now = await pullActivity()
      equal = now === last ? equal + 1 : 0
      last = now
    }
  }
  let pods = 0
  const end = async (image: string, secrets: readonly string[]): Promise<{ readonly uid: string; readonly progress: ImageProgress }> => {
    const pod = aPod(`p${++pods}`, {
      containers: [aContainer('main', { image, imagePullPolicy: 'IfNotPresent' })],
      imagePullSecrets: secrets.map((name) => ({ name })),
    })
    const { uid } = pod.metadata
    const progress = (): ImageProgress | undefined => pulls.progressOf(uid).get('main')
    await pulls.get(pod, pod.spec.containers[0]!, 0, false, t.signal)
    await until(() => progress()?.type !== 'pulling', `${image} pulled`)
    return { uid, progress: progress()! }
  }
  return {
    env,
    runtime,
    reports,
    until,
    untilQuiet,
    secret: (name: string, auths: unknown) =>
      configs.secrets.set(`default/${name}`, {
        metadata: { name, namespace: 'default', uid: name, resourceVersion: '1', creationTimestamp: '' },
        type: 'kubernetes.io/dockerconfigjson',
        data: { '.dockerconfigjson': Buffer.from(JSON.stringify({ auths })).toString('base64') },
      } satisfies Secret),
    /** @returns what the newest Event says. */
    success: async (image: string, secrets: readonly string[] = []): Promise<string> => {
      const { progress } = await end(image, secrets)
      assert.equal(progress.type, 'ready', JSON.stringify(progress))
      return reports.flatMap((report) => (report.type === 'event' ? [report.event.message ?? ''] : [])).at(-1) ?? ''
    },
    /** @returns why. */
    failure: async (image: string, secrets: readonly string[] = []): Promise<string> => {
      const { progress } = await end(image, secrets)
      assert.ok(progress.type === 'failed' && progress.reason === 'ErrImagePull', JSON.stringify(progress))
      return progress.message
    },
    runContainer: (image: string) => aContainerOf(runtime, t, image),
  }
}

async function aContainerOf(runtime: Runtime, t: TestContext, reference: string): Promise<AsyncDisposable> {
  const podUid = `gc-${process.pid}`
  const image = (await runtime.imageStatus(reference))!
  const logDirectory = `/var/log/pods/${podUid}`
  const sandbox = await runtime.runSandbox(
    {
      podUid,
      namespace: 'default',
      name: 'gc',
      hostname: 'gc',
      hostNetwork: true,
      hostPid: false,
      hostIpc: false,
      sharedProcesses: false,
      resources: { qosClass: 'BestEffort', cpuRequestMillis: 0 },
      portMappings: [],
      logDirectory,
      sysctls: {},
    },
    t.signal,
  )
  await runtime.createContainer(
    sandbox,
    {
      name: 'main',
      attempt: 0,
      image: image.id,
      imageReference: reference,
      command: ['sleep', '1000'],
      args: [],
      env: [],
      mounts: [],
      logPath: `${logDirectory}/main/0.log`,
      resources: {},
      oomScoreAdj: 1000,
      devices: [],
      security: {
        supplementalGroups: [],
        privileged: false,
        readOnlyRoot: false,
        noNewPrivileges: false,
        addCapabilities: [],
        dropCapabilities: [],
        seccomp: { type: 'runtime-default' },
        procMount: 'default',
      },
      tty: false,
      stdin: false,
      stdinOnce: false,
      terminationMessagePath: '/dev/termination-log',
      annotations: {},
    },
    t.signal,
  )
  return { [Symbol.asyncDispose]: () => runtime.removeSandbox(sandbox) }
}
