import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { Pod } from '@bramble/api/types/pod'
import type { StatusReport } from '@bramble/link/link'
import { systemClock } from '@bramble/reconcile/env'
import { silentLog } from '@bramble/reconcile/log'
import { simEnv } from '@bramble/reconcile/sim/sim-env'
import { classOfFlag } from './devices/device-class.ts'
import { NodeReporter } from './node-reporter.ts'
import { PodMeans } from './pod-means.ts'
import { PullRecords } from './pods/images/pull-records.ts'
import { PodReconciler } from './pods/pod-reconciler.ts'
import { aContainer, aPod, FakeConfigs } from './pods/pods-harness.ts'
import { FakeDialer } from './pods/probes/fake-dialer.ts'
import { MemoryPodFiles } from './pods/volumes/memory-pod-files.ts'
import { FakeRuntime } from './runtime/fake/fake-runtime.ts'
import { FACTS } from './node/facts.fixture.ts'

/** The disk that answers later than this hangs. */
const REAL_MS_MAX = 30_000

test('a node reports its devices; a pod gets the one that it names, another is refused', async (t) => {
  const node = aNode(t)
  const limits = { 'bramble.dev/null': '1' }
  const pod = aPod('web', { containers: [aContainer('main', { resources: { limits } })], nodeName: 'pi-1' })
  await node.until(() => node.means.deviceCounts()['bramble.dev/null'] !== undefined)
  const reporter = await NodeReporter.create({
    env: node.env,
    facts: FACTS,
    runtime: node.runtime,
    settings: { nodeName: 'pi-1', version: '0.1.0', labels: {} },
    send: (report) => node.reports.push(report),
    devices: () => node.means.deviceCounts(),
  })
  reporter.tell()
  const told = node.reports.findLast((report) => report.type === 'node-status')
  assert.ok(told?.type === 'node-status')
  assert.deepEqual([told.status.capacity!['bramble.dev/null'], told.status.allocatable!['bramble.dev/null']], ['1', '1'])
  assert.equal(told.status.capacity!['cpu'], '4')

  node.reconciler.assign([pod])
  await node.until(() => node.runtime.running('uid-web').length === 1)
  const config = node.runtime.configOf(node.runtime.running('uid-web')[0]!.id)!
  assert.deepEqual(config.devices, [{ hostPath: '/dev/null', containerPath: '/dev/null', permissions: 'rw' }])
  assert.equal(config.annotations['bramble.dev/devices'], '{"null":["/dev/null"]}')

  node.reconciler.assign([pod, aPod('late', { containers: [aContainer('main', { resources: { limits } })] })])
  await node.until(() => node.status('late')?.phase === 'Failed')
  assert.equal(node.status('late')?.reason, 'UnexpectedAdmissionError')
})

test('a pod that ran here before is not refused for a device that is not plugged in yet: it waits', async (t) => {
  const node = aNode(t, 'null=/dev/bramble-no-such-device')
  await node.until(() => node.means.deviceCounts()['bramble.dev/null'] !== undefined)
  const limits = { 'bramble.dev/null': '1' }
  const pod: Pod = { ...aPod('web', { containers: [aContainer('main', { resources: { limits } })] }), status: { phase: 'Running' } }
  node.reconciler.assign([pod])
  await node.until(() => node.status('web')?.containerStatuses?.[0]?.state?.waiting?.reason === 'UnexpectedAdmissionError')
  assert.notEqual(node.status('web')?.phase, 'Failed')
})

test('what the operator sets reaches sandboxes and containers; what he forbids is refused', async (t) => {
  const node = aNode(t)
  const forbidden = aPod('sysctl', { securityContext: { sysctls: [{ name: 'net.core.somaxconn', value: '1' }] } })
  const plain = aPod('plain')
  node.reconciler.assign([forbidden, plain])
  await node.until(() => node.runtime.running('uid-plain').length === 1 && node.status('sysctl')?.phase === 'Failed')
  assert.deepEqual(
    [node.status('sysctl')?.reason, node.status('sysctl')?.message],
    ['SysctlForbidden', 'Pod was rejected: forbidden sysctl: "net.core.somaxconn" not allowlisted'],
  )
  assert.deepEqual(node.runtime.configOf(node.runtime.running('uid-plain')[0]!.id)?.security.seccomp, { type: 'unconfined' })
})

function aNode(t: TestContext, device = 'null=/dev/null') {
  const env = simEnv()
  const runtime = new FakeRuntime({ clock: env.clock })
  const reports: StatusReport[] = []
  const end = new AbortController()
  const send = (report: StatusReport): void => void reports.push(report)
  const means = new PodMeans({
    env,
    nodeName: 'pi-1',
    runtime,
    send,
    pods: () => reconciler,
    settings: {
      images: {
        garbage: { high: { usedShare: 1 }, low: { usedShare: 1 }, ageMsMin: 0 },
        stallMs: 60_000,
        records: PullRecords.inMemory(silentLog),
      },
      security: { seccompFolder: '/seccomp', seccompDefault: 'unconfined' },
      unsafeSysctls: [],
      pidsLimit: 100,
      deviceClasses: () => async () => [classOfFlag(device)],
    },
  })
  const reconciler: PodReconciler = new PodReconciler({
    env,
    nodeName: 'pi-1',
    runtime,
    files: new MemoryPodFiles(),
    dialer: new FakeDialer(),
    source: new FakeConfigs(),
    node: () => ({ hostname: 'pi-1', hostIp: '192.0.2.1', memoryBytes: 2 ** 32, allocatable: { cpuMillis: 3900, memoryBytes: 2 ** 31 } }),
    logFolder: '/var/log/pods',
    send,
    images: means.images,
    policy: means.policy,
    admit: (pod) => means.admit(pod),
  })
  const running = Promise.all([reconciler.run(end.signal), means.run(end.signal)])
  t.after(async () => {
    end.abort()
    await env.clock.advance(1)
    await running
  })
  return {
    env,
    runtime,
    reports,
    means,
    reconciler,
    status: (name: string) => {
      const told = reports.findLast((report) => report.type === 'pod-status' && report.name === name)
      return told?.type === 'pod-status' ? told.status : undefined
    },
    /** Passes virtual time, and lets the disk answer, until it is so. */
    until: async (good: () => boolean): Promise<void> => {
      const endMs = performance.now() + REAL_MS_MAX
      while (!good()) {
        assert.ok(performance.now() < endMs, `never: ${good}`)
        await env.clock.advance(100)
        await systemClock.sleep(1)
      }
    },
  }
}
