import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { before, it } from 'node:test'
import { BUSYBOX_IMAGE, buildImages } from '../../../../tools/images/build.ts'
import { insidePrivateHost, privateHostTest } from '../host/private-host.ts'
import { aPodOn, aWorld, ready } from './pods-e2e.fixture.ts'
import { aContainer, deleted } from './pods-harness.ts'

if (insidePrivateHost()) {
  before(async () => void (await buildImages({ names: [BUSYBOX_IMAGE] })))
  tests()
} else privateHostTest(import.meta.filename)

function tests(): void {
  it('a pod with everything runs on Podman: configuration, volumes, init, probes, logs, restart, end', async (t) => {
    const world = await aWorld(t)
    world.configs.setConfigMap('cfg', { greeting: 'hello', 'page.html': 'page' })
    world.configs.setSecret('key', { word: 'xyzzy' })
    const pod = aPodOn(world, {
      volumes: [
        { name: 'cfg', configMap: { name: 'cfg' } },
        { name: 'key', secret: { secretName: 'key' } },
        { name: 'shared', emptyDir: { medium: 'Memory' } },
      ],
      initContainers: [
        aContainer('init', {
          image: BUSYBOX_IMAGE,
          command: ['sh', '-c', 'echo $(POD) > /shared/name'],
          env: [{ name: 'POD', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
          volumeMounts: [{ name: 'shared', mountPath: '/shared' }],
        }),
      ],
      containers: [
        aContainer('main', {
          image: BUSYBOX_IMAGE,
          command: ['sh', '-c', 'echo "$GREETING $(cat /key/word) $(cat /shared/name) at $IP"; exec httpd -f -p 8080 -h /cfg'],
          env: [
            { name: 'GREETING', valueFrom: { configMapKeyRef: { name: 'cfg', key: 'greeting' } } },
            { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
          ],
          volumeMounts: [
            { name: 'cfg', mountPath: '/cfg' },
            { name: 'key', mountPath: '/key' },
            { name: 'shared', mountPath: '/shared' },
          ],
          readinessProbe: { httpGet: { port: 8080, path: '/page.html' }, periodSeconds: 1 },
          livenessProbe: { exec: { command: ['cat', '/key/word'] }, periodSeconds: 2, timeoutSeconds: 5 },
          resources: { limits: { memory: '64Mi', cpu: '500m' } },
        }),
      ],
    })
    world.reconciler.assign([pod])
    const running = await world.until((status) => ready(status), 'ready')
    assert.equal(await world.logs(pod.metadata.uid), `hello xyzzy ${pod.metadata.name} at ${running.podIP}\n`)

    const [state] = (await world.runtime.observe(pod.metadata.uid))[0]!.containers.filter(({ name }) => name === 'main')
    const killedMs = performance.now()
    await world.runtime.stopContainer(state!.id, 0)
    const again = await world.until((status) => ready(status) && status.containerStatuses?.[0]?.restartCount === 1, 'ready again')
    assert.ok(performance.now() - killedMs < 5_000, `answers again after ${Math.round(performance.now() - killedMs)} ms`)
    assert.equal(again.containerStatuses?.[0]?.lastState?.terminated?.exitCode, 137)
    assert.match(await world.logs(pod.metadata.uid, true), /^hello/, 'the log of the attempt before is still there')

    world.reconciler.assign([deleted(pod, 1)])
    await world.waitFor(() => world.reports.some(({ type }) => type === 'pod-gone'), 'the pod is gone')
    assert.deepEqual(await world.runtime.observe(pod.metadata.uid), [])
    assert.deepEqual([await readdir(join(world.folder, 'run/pods')), await readdir(join(world.folder, 'log'))], [[], []])
  })

  it('what ends tells why: exit code, last words, a command that is none', async (t) => {
    const world = await aWorld(t)
    const pod = aPodOn(world, {
      restartPolicy: 'Never',
      containers: [
        aContainer('words', { image: BUSYBOX_IMAGE, command: ['sh', '-c', 'echo -n sorry > /dev/termination-log; exit 3'] }),
        aContainer('log', {
          image: BUSYBOX_IMAGE,
          command: ['sh', '-c', 'echo broken; exit 4'],
          terminationMessagePolicy: 'FallbackToLogsOnError',
        }),
        aContainer('none', { image: BUSYBOX_IMAGE, command: ['/no/such/program'] }),
      ],
    })
    world.reconciler.assign([pod])
    const status = await world.until(({ phase }) => phase === 'Failed', 'Failed')
    const ends = status.containerStatuses!.map(({ state }) => state?.terminated)
    assert.deepEqual(
      ends.slice(0, 2).map((end) => [end?.exitCode, end?.reason, end?.message]),
      [
        [3, 'Error', 'sorry'],
        [4, 'Error', 'broken\n'],
      ],
    )
    assert.deepEqual([ends[2]?.exitCode, ends[2]?.reason], [128, 'StartError'])
  })
}
