import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { conditionOf } from '@bramble/api/conditions'
import type { Pod } from '@bramble/api/types/pod'
import type { Cluster, NodeName } from '../cluster.ts'
import { BUSYBOX, FOR_EVER, hello, namespace, pod, script, service } from '../manifests.ts'
import { endpoints } from './workloads.ts'

const SPACE = 'pods'
const NEVER = { restartPolicy: 'Never' }
const object = (kind: string, name: string, fields: object) => ({ apiVersion: 'v1', kind, metadata: { name, namespace: SPACE }, ...fields })

/** What a pod's fields do, on real containers. */
export function pods(cluster: () => Cluster): void {
  describe('pods', () => {
    before(() =>
      cluster().apply(
        namespace(SPACE),
        object('ConfigMap', 'settings', { data: { colour: 'green', 'app.conf': 'threads=4\n' } }),
        object('Secret', 'login', { stringData: { password: 'hush' } }),
      ),
    )
    after(() => cluster().delete('namespace', SPACE, '', '--timeout=40s'))

    const find = (name: string) => cluster().get<Pod>('pod', name, SPACE)
    const logs = (name: string, ...more: readonly string[]) => cluster().kubectl(['logs', name, '--namespace', SPACE, ...more])
    const reach = (name: string, phase: string) =>
      cluster().kubectl(['wait', `--for=jsonpath={.status.phase}=${phase}`, `pod/${name}`, '--namespace', SPACE, '--timeout=30s'])
    const ready = (name: string) =>
      cluster().kubectl(['wait', '--for=condition=Ready', `pod/${name}`, '--namespace', SPACE, '--timeout=30s'])
    /** The STATUS that people see. */
    const shows = (name: string, status: string) =>
      cluster().waitFor(`${name} to show ${status}`, async () => {
        const row = (await cluster().kubectl(['get', 'pod', name, '--namespace', SPACE, '--no-headers'])).split(/\s+/)
        return row[2] === status && row
      })
    const eventOf = (name: string, words: string) =>
      cluster().waitFor(`an Event of ${name} with ${words}`, async () =>
        (await cluster().kubectl(['describe', 'pod', name, '--namespace', SPACE])).includes(words),
      )
    const drop = (name: string) => cluster().delete('pod', name, SPACE, '--grace-period=0', '--force')
    const on = async (name: string): Promise<NodeName> => (await find(name)).spec.nodeName as NodeName
    const idOf = async (name: string) => (await find(name)).status!.containerStatuses![0]!.containerID!.replace('podman://', '')
    const exec = async (name: string, ...argv: readonly string[]) =>
      (await cluster().run(await on(name), ['podman', 'exec', await idOf(name), ...argv])).stdout

    it('get ConfigMaps and Secrets as variables and as files, and their own fields', async () => {
      const lines =
        'echo $COLOUR $PASSWORD $NAME $GREETING; cat /settings/app.conf /settings/colour; echo; cat /login/password; echo; stat -L -c %a /login/password'
      await cluster().apply(
        pod(
          SPACE,
          'configured',
          [
            script(lines, {
              env: [
                { name: 'COLOUR', valueFrom: { configMapKeyRef: { name: 'settings', key: 'colour' } } },
                { name: 'PASSWORD', valueFrom: { secretKeyRef: { name: 'login', key: 'password' } } },
                { name: 'NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
                { name: 'GREETING', value: 'hello-$(NAME)' },
              ],
              volumeMounts: [
                { name: 'settings', mountPath: '/settings' },
                { name: 'login', mountPath: '/login', readOnly: true },
              ],
            }),
          ],
          {
            ...NEVER,
            volumes: [
              { name: 'settings', configMap: { name: 'settings' } },
              { name: 'login', secret: { secretName: 'login', defaultMode: 0o400 } },
            ],
          },
        ),
      )
      await reach('configured', 'Succeeded')
      assert.equal(await logs('configured'), 'green hush configured hello-configured\nthreads=4\ngreen\nhush\n400\n')
    })

    it('see a ConfigMap that changes while they run', async () => {
      await cluster().apply(
        pod(SPACE, 'watching', [script(FOR_EVER, { volumeMounts: [{ name: 'settings', mountPath: '/settings' }] })], {
          volumes: [{ name: 'settings', configMap: { name: 'settings' } }],
        }),
      )
      await ready('watching')
      await cluster().kubectl(['patch', 'configmap', 'settings', '--namespace', SPACE, '--patch={"data":{"colour":"red"}}'])
      await cluster().waitFor('the file to change', async () => (await exec('watching', 'cat', '/settings/colour')) === 'red')
    })

    it('share an emptyDir, the network and the host name between containers', async () => {
      const volumeMounts = [{ name: 'shared', mountPath: '/shared' }]
      await cluster().apply(
        pod(
          SPACE,
          'pair',
          [
            script(`hostname > /shared/name; until [ -s /shared/heard ]; do nc -l -p 7000 > /shared/heard; done; ${FOR_EVER}`, {
              name: 'writer',
              volumeMounts,
            }),
            script(
              'until [ -s /shared/heard ]; do echo word | nc -w 1 127.0.0.1 7000; sleep 0.2; done; cat /shared/name /shared/heard; hostname',
              { name: 'reader', volumeMounts },
            ),
          ],
          { ...NEVER, volumes: [{ name: 'shared', emptyDir: {} }] },
        ),
      )
      await cluster().waitFor('the reader to end', async () =>
        (await find('pair')).status!.containerStatuses!.some(({ state }) => state?.terminated?.exitCode === 0),
      )
      assert.equal(await logs('pair', '--container=reader'), 'pair\nword\npair\n')
      assert.equal((await find('pair')).status!.phase, 'Running')
    })

    it('see a folder of their node, and its network, when they ask for it', async () => {
      await cluster().apply(
        pod(
          SPACE,
          'native',
          [
            script('cat /host/hostname; hostname -i; ip -4 -o addr show dev eth0; ' + FOR_EVER, {
              volumeMounts: [{ name: 'etc', mountPath: '/host', readOnly: true }],
            }),
          ],
          {
            hostNetwork: true,
            nodeSelector: { 'kubernetes.io/hostname': 'pi-2' },
            volumes: [{ name: 'etc', hostPath: { path: '/etc', type: 'Directory' } }],
          },
        ),
      )
      await ready('native')
      assert.equal((await find('native')).status!.podIP, cluster().ip('pi-2'))
      assert.ok((await logs('native')).includes(cluster().ip('pi-2')))
      assert.ok((await logs('native')).startsWith(await cluster().shell('pi-2', 'cat /etc/hostname')))
    })

    it('are restarted when their liveness probe fails', async () => {
      await cluster().apply(
        pod(
          SPACE,
          'sick',
          [
            script(`touch /tmp/well; sleep 2; rm /tmp/well; ${FOR_EVER}`, {
              livenessProbe: { exec: { command: ['cat', '/tmp/well'] }, periodSeconds: 1, failureThreshold: 2 },
            }),
          ],
          { terminationGracePeriodSeconds: 1 },
        ),
      )
      await cluster().waitFor('a restart', async () => (await find('sick')).status!.containerStatuses![0]!.restartCount >= 1)
      await eventOf('sick', 'Liveness probe failed: cat: ')
      await eventOf('sick', 'failed liveness probe, will be restarted')
      await drop('sick')
    })

    it('get no traffic while their readiness probe fails', async () => {
      await cluster().apply(
        pod(SPACE, 'moody', [
          script(`touch /tmp/well; ${FOR_EVER}`, {
            readinessProbe: { exec: { command: ['cat', '/tmp/well'] }, periodSeconds: 1, failureThreshold: 1 },
          }),
        ]),
        service(SPACE, 'moody', { ports: [{ port: 80 }] }),
      )
      await ready('moody')
      const ip = (await find('moody')).status!.podIP!
      await cluster().waitFor('the endpoint', async () => (await endpoints(cluster(), 'moody', SPACE)).includes(ip))
      await exec('moody', 'rm', '/tmp/well')
      await cluster().waitFor('no endpoint', async () => (await endpoints(cluster(), 'moody', SPACE)).length === 0)
      assert.equal((await shows('moody', 'Running'))[1], '0/1')
      await eventOf('moody', 'Readiness probe failed')
      await exec('moody', 'touch', '/tmp/well')
      await cluster().waitFor('the endpoint again', async () => (await endpoints(cluster(), 'moody', SPACE)).includes(ip))
    })

    it('are probed over HTTP and TCP too', async () => {
      await cluster().apply(
        pod(SPACE, 'over-tcp', [hello({ readinessProbe: { tcpSocket: { port: 'http' }, periodSeconds: 1 } })]),
        pod(SPACE, 'wrong-port', [hello({ readinessProbe: { httpGet: { port: 9999 }, periodSeconds: 1 } })]),
      )
      await ready('over-tcp')
      await eventOf('wrong-port', 'Readiness probe failed: Get "http://10.42.')
      assert.equal((await shows('wrong-port', 'Running'))[1], '0/1')
    })

    it('show CrashLoopBackOff when they end again and again', async () => {
      await cluster().apply(pod(SPACE, 'broken', [script('exit 7')]))
      await shows('broken', 'CrashLoopBackOff')
      const { lastState, restartCount } = (await find('broken')).status!.containerStatuses![0]!
      assert.equal(lastState!.terminated!.exitCode, 7)
      assert.ok(restartCount >= 1)
      await eventOf('broken', 'Back-off restarting failed container')
      await drop('broken')
    })

    const images = [
      {
        title: 'an image that must be there and is not',
        image: 'localhost/absent',
        policy: 'Never',
        status: 'ErrImageNeverPull',
        event: 'is not present with pull policy of Never',
      },
      {
        title: 'an image that cannot be pulled',
        image: '127.0.0.1:1/absent:1',
        policy: 'Always',
        status: 'ImagePullBackOff',
        event: 'Failed to pull image "127.0.0.1:1/absent:1"',
      },
      {
        title: 'an image name that is none',
        image: 'Not An Image',
        policy: 'Always',
        status: 'InvalidImageName',
        event: 'Failed to apply default image tag',
      },
    ]
    for (const [index, { title, image, policy, status, event }] of images.entries())
      it(`show ${status} for ${title}`, async () => {
        await cluster().apply(pod(SPACE, `image-${index}`, [{ name: 'main', image, imagePullPolicy: policy }]))
        await shows(`image-${index}`, status)
        await eventOf(`image-${index}`, event)
        assert.equal((await find(`image-${index}`)).status!.phase, 'Pending')
      })

    it('say when their command is not in the image', async () => {
      await cluster().apply(
        pod(SPACE, 'no-command', [{ name: 'main', image: BUSYBOX, imagePullPolicy: 'Never', command: ['/bin/absent'] }], NEVER),
      )
      await shows('no-command', 'StartError')
      const { exitCode, message } = (await find('no-command')).status!.containerStatuses![0]!.state!.terminated!
      assert.equal(exitCode, 128)
      assert.match(message!, /\/bin\/absent/)
      await eventOf('no-command', 'Error: ')
    })

    it('show OOMKilled when they take more memory than they may', async () => {
      await cluster().apply(
        pod(
          SPACE,
          'hungry',
          [script('x=$(head -c 200000000 /dev/zero | tr "\\0" x); echo ${#x}', { resources: { limits: { memory: '16Mi' } } })],
          NEVER,
        ),
      )
      await shows('hungry', 'OOMKilled')
      assert.equal((await find('hungry')).status!.containerStatuses![0]!.state!.terminated!.exitCode, 137)
    })

    it('are told to stop, have their grace period, and leave nothing', async () => {
      await cluster().apply(
        pod(
          SPACE,
          'polite',
          [
            {
              name: 'main',
              image: BUSYBOX,
              imagePullPolicy: 'Never',
              volumeMounts: [{ name: 'notes', mountPath: '/notes' }],
              command: [
                'sh',
                '-c',
                'trap "echo told >> /notes/polite; sleep 1; echo gone >> /notes/polite; exit 0" TERM; while :; do sleep 0.1; done',
              ],
            },
          ],
          {
            volumes: [{ name: 'notes', hostPath: { path: '/var/notes', type: 'DirectoryOrCreate' } }],
            nodeSelector: { 'kubernetes.io/hostname': 'pi-1' },
          },
        ),
      )
      await ready('polite')
      const id = await idOf('polite')
      await cluster().delete('pod', 'polite', SPACE)
      assert.equal(await cluster().shell('pi-1', 'cat /var/notes/polite'), 'told\ngone\n')
      assert.ok(!(await cluster().shell('pi-1', 'podman ps --all --no-trunc --quiet')).includes(id))
    })

    it('that do not listen are killed when the grace period is over', async () => {
      await cluster().apply(
        pod(
          SPACE,
          'deaf',
          [{ name: 'main', image: BUSYBOX, imagePullPolicy: 'Never', command: ['sh', '-c', 'trap "" TERM; while :; do sleep 0.1; done'] }],
          { terminationGracePeriodSeconds: 2 },
        ),
      )
      await ready('deaf')
      await cluster().kubectl(['delete', 'pod', 'deaf', '--namespace', SPACE, '--timeout=12s'])
    })

    it('with restartPolicy Never show Completed or Error; with OnFailure they start again until they succeed', async () => {
      await cluster().apply(
        pod(SPACE, 'good', [script('exit 0')], NEVER),
        pod(SPACE, 'bad', [script('exit 4')], NEVER),
        pod(
          SPACE,
          'stubborn',
          [script('[ -e /kept/once ] || { touch /kept/once; exit 1; }', { volumeMounts: [{ name: 'kept', mountPath: '/kept' }] })],
          { restartPolicy: 'OnFailure', volumes: [{ name: 'kept', emptyDir: { medium: 'Memory' } }] },
        ),
      )
      await shows('good', 'Completed')
      await shows('bad', 'Error')
      await shows('stubborn', 'Completed')
      assert.deepEqual(
        [(await find('good')).status!.phase, (await find('bad')).status!.phase, (await find('stubborn')).status!.phase],
        ['Succeeded', 'Failed', 'Succeeded'],
      )
      assert.equal((await find('stubborn')).status!.containerStatuses![0]!.restartCount, 1)
      assert.equal(conditionOf((await find('good')).status!.conditions, 'Ready')?.reason, 'PodCompleted')
    })

    it('run their init containers one after the other first', async () => {
      const volumeMounts = [{ name: 'shared', mountPath: '/shared' }]
      await cluster().apply(
        pod(SPACE, 'prepared', [script('cat /shared/steps', { volumeMounts })], {
          ...NEVER,
          volumes: [{ name: 'shared', emptyDir: {} }],
          initContainers: [
            script('sleep 0.5; echo one >> /shared/steps', { name: 'one', volumeMounts }),
            script('echo two >> /shared/steps', { name: 'two', volumeMounts }),
          ],
        }),
      )
      await shows('prepared', 'Completed')
      assert.equal(await logs('prepared'), 'one\ntwo\n')
    })

    it('run as another user, read-only, when told to', async () => {
      await cluster().apply(
        pod(
          SPACE,
          'modest',
          [
            script('id -u; touch /x 2>/dev/null || echo kept out', {
              securityContext: { runAsUser: 65534, readOnlyRootFilesystem: true, allowPrivilegeEscalation: false },
            }),
          ],
          NEVER,
        ),
      )
      await shows('modest', 'Completed')
      assert.equal(await logs('modest'), '65534\nkept out\n')
    })
  })
}
