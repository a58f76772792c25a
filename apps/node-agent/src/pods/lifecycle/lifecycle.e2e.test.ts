import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { before, it } from 'node:test'
import type { Container, ContainerStatus, Pod, PodStatus } from '@bramble/api/types/pod'
import { BUSYBOX_IMAGE, buildImages } from '../../../../../tools/images/build.ts'
import { insidePrivateHost, privateHostTest } from '../../host/private-host.ts'
import { aPodOn, aWorld, ready, type World } from '../pods-e2e.fixture.ts'
import { aContainer, deleted } from '../pods-harness.ts'

if (insidePrivateHost()) {
  before(async () => void (await buildImages({ names: [BUSYBOX_IMAGE] })))
  tests()
} else privateHostTest(import.meta.filename)

const shell = (name: string, script: string, change: Partial<Container> = {}): Container =>
  aContainer(name, { image: BUSYBOX_IMAGE, command: ['sh', '-c', script], ...change })
const sh = (script: string) => ({ exec: { command: ['sh', '-c', script] } })
const statusOf = (
  { containerStatuses = [], initContainerStatuses = [], ephemeralContainerStatuses = [] }: PodStatus,
  name: string,
): ContainerStatus | undefined =>
  [...containerStatuses, ...initContainerStatuses, ...ephemeralContainerStatuses].find((status) => status.name === name)
const gone = (world: World): Promise<void> => world.waitFor(() => world.reports.some(({ type }) => type === 'pod-gone'), 'gone')
/** What the containers of a pod wrote to its shared volume, in order. */
const diary = async (world: World, pod: Pod): Promise<readonly string[]> =>
  (await readFile(join(world.folder, `diary-${pod.metadata.uid}`, 'diary'), 'utf8')).trim().split('\n')

const POLITE = (name: string): string => `trap 'echo ${name} ends >> /d/diary; exit 0' TERM; while true; do sleep 0.05; done`

function tests(): void {
  it('hooks run inside, sidecars start first and end last, all of it in order', async (t) => {
    const world = await aWorld(t)
    const mounts = { volumeMounts: [{ name: 'd', mountPath: '/d' }] }
    const note = (text: string) => sh(`echo ${text} >> /d/diary`)
    const base = aPodOn(world, {})
    const pod: Pod = {
      ...base,
      spec: {
        ...base.spec,
        volumes: [{ name: 'd', hostPath: { path: join(world.folder, `diary-${world.uid}`), type: 'DirectoryOrCreate' } }],
        initContainers: [
          shell('mesh', POLITE('mesh'), {
            ...mounts,
            restartPolicy: 'Always',
            startupProbe: { exec: { command: ['true'] }, periodSeconds: 1 },
            lifecycle: { postStart: note('mesh began') },
          }),
          shell('init', 'echo init >> /d/diary', mounts),
        ],
        containers: [
          shell('main', POLITE('main'), { ...mounts, lifecycle: { postStart: note('main began'), preStop: note('main is told') } }),
        ],
      },
    }
    world.reconciler.assign([pod])
    await world.until(ready, 'ready')
    world.reconciler.assign([deleted(pod, 20)])
    await gone(world)
    assert.deepEqual(await diary(world, pod), ['mesh began', 'init', 'main began', 'main is told', 'main ends', 'mesh ends'])
  })

  it('a stop signal of its own and a hook that fails', async (t) => {
    const world = await aWorld(t)
    const pod = aPodOn(world, {
      restartPolicy: 'Never',
      containers: [
        shell('main', `trap 'exit 7' USR1; while true; do sleep 0.05; done`, {
          lifecycle: { stopSignal: 'SIGUSR1', postStart: sh('sleep 0.3; exit 9') },
        }),
      ],
    })
    world.reconciler.assign([pod])
    const status = await world.until(({ phase }) => phase === 'Failed', 'Failed')
    assert.equal(statusOf(status, 'main')?.state?.terminated?.exitCode, 7, JSON.stringify(status.containerStatuses))
    const reasons = world.reports.flatMap((report) => (report.type === 'event' ? [report.event.reason] : []))
    assert.ok(reasons.includes('FailedPostStartHook'), reasons.join())
  })

  it('an ephemeral container sees the processes of another', async (t) => {
    const world = await aWorld(t)
    const pod = aPodOn(world, { containers: [shell('main', 'sleep 123456')] })
    world.reconciler.assign([pod])
    await world.until(ready, 'ready')
    const looked: Pod = {
      ...pod,
      metadata: { ...pod.metadata, resourceVersion: 'looked' },
      spec: {
        ...pod.spec,
        ephemeralContainers: [
          { ...shell('debugger', "tr '\\0' ' ' < /proc/1/cmdline > /dev/termination-log"), targetContainerName: 'main' },
        ],
      },
    }
    world.reconciler.assign([looked])
    const status = await world.until((each) => statusOf(each, 'debugger')?.state?.terminated !== undefined, 'over')
    assert.match(statusOf(status, 'debugger')?.state?.terminated?.message ?? '', /sleep 123456/)
    assert.equal(statusOf(status, 'main')?.restartCount, 0)
  })

  it('cpu and memory change in place, or with a restart where the policy wants one', async (t) => {
    const world = await aWorld(t)
    const sized = (memory: string, cpu: string, version: string): Pod => ({
      ...aPodOn(world, {
        containers: [
          shell('main', 'sleep 1000', { resources: { limits: { memory, cpu } } }),
          shell('anew', 'sleep 1000', {
            resources: { limits: { memory, cpu } },
            resizePolicy: [{ resourceName: 'memory', restartPolicy: 'RestartContainer' }],
          }),
        ],
        terminationGracePeriodSeconds: 1,
      }),
      metadata: { name: 'web', namespace: 'default', uid: world.uid, resourceVersion: version, creationTimestamp: '2026-01-01T00:00:00Z' },
    })
    world.reconciler.assign([sized('32Mi', '200m', '1')])
    await world.until(ready, 'ready')
    world.reconciler.assign([sized('64Mi', '400m', '2')])
    const isResized = (status: PodStatus): boolean =>
      ready(status) &&
      statusOf(status, 'anew')?.restartCount === 1 &&
      status.containerStatuses!.every(({ resources }) => resources?.limits?.['memory'] === '64Mi') &&
      !status.conditions!.some(({ type }) => type === 'PodResizeInProgress')
    const status = await world.until(isResized, 'resized')
    assert.equal(statusOf(status, 'main')?.restartCount, 0)
    for (const { name, pid } of (await world.runtime.observe(world.uid))[0]!.containers.filter(({ state }) => state === 'running'))
      assert.equal(await memoryLimit(pid!), 64 * 2 ** 20, name)
  })
}

/** What the kernel allows a process, by its cgroup. */
async function memoryLimit(pid: number): Promise<number> {
  const lines = (await readFile(`/proc/${pid}/cgroup`, 'utf8')).split('\n')
  const v1 = lines.find((line) => line.split(':')[1]?.split(',').includes('memory'))
  const path = v1
    ? `/sys/fs/cgroup/memory${v1.split(':')[2]}/memory.limit_in_bytes`
    : `/sys/fs/cgroup${lines.find((line) => line.startsWith('0::'))!.slice(3)}/memory.max`
  return Number(await readFile(path, 'utf8'))
}
