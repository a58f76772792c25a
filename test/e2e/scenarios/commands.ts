import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Pod } from '@bramble/api/types/pod'
import type { Deployment } from '@bramble/api/types/workload'
import { type Cluster, HELLO_2_IMAGE, OUTSIDE, said } from '../cluster.ts'
import type { Kubectl } from '../kubectl.ts'
import { BUSYBOX, deployment, FOR_EVER, hello, namespace, pod, script } from '../manifests.ts'

/** What people type, with the oldest and the newest kubectl. */
export function commands(cluster: () => Cluster, kubectls: readonly Kubectl[]): void {
  for (const version of kubectls)
    describe(`kubectl ${version.version}`, () => {
      const space = `typed-${version.version.replace('.', '-')}`
      const kubectl = (...args: readonly string[]) => cluster().kubectl(['--namespace', space, ...args], { with: version })
      const fails = async (...args: readonly string[]) => {
        const result = await cluster().kubectlResult(['--namespace', space, ...args], { with: version, exitCodes: 'any' })
        assert.notEqual(result.exitCode, 0, `kubectl ${args.join(' ')} said ${result.stdout}`)
        return result.stderr
      }
      /** A command that goes on, outside. */
      const start = (...args: readonly string[]) =>
        cluster().spawn(OUTSIDE, cluster().kubectlCommand(['--namespace', space, ...args], version))
      const pods = (app: string) => cluster().list<Pod>('pods', space, `app=${app}`)

      before(() => cluster().apply(namespace(space), deployment(space, 'web', [hello()], { replicas: 2 })))
      after(() => cluster().delete('namespace', space, '', '--timeout=40s'))

      it('rollout status waits, get shows the pods and where they run', async () => {
        assert.match(await kubectl('rollout', 'status', 'deployment/web', '--timeout=40s'), /deployment "web" successfully rolled out/)
        assert.match(await kubectl('get', 'deployments'), /^NAME\s+READY\s+UP-TO-DATE\s+AVAILABLE\s+AGE\nweb\s+2\/2\s+2\s+2\s+\d+s\n$/)
        const wide = await kubectl('get', 'pods', '--output=wide')
        assert.match(wide, /^NAME\s+READY\s+STATUS\s+RESTARTS\s+AGE\s+IP\s+NODE\s/)
        assert.equal(wide.match(/^web-[a-z0-9]+-[a-z0-9]+\s+1\/1\s+Running\s+0\s+\d+s\s+10\.42\.\d+\.\d+\s+pi-\d\s/gm)?.length, 2)
      })

      it('set image rolls the Deployment, rollout undo rolls it back, and history tells', async () => {
        const images = async () => (await pods('web')).map(({ spec }) => spec.containers[0]!.image)
        assert.match(await kubectl('set', 'image', 'deployment/web', `hello=${HELLO_2_IMAGE}`), /deployment.apps\/web image updated/)
        await kubectl('rollout', 'status', 'deployment/web', '--timeout=40s')
        await cluster().waitFor('only new pods', async () => (await images()).join() === [HELLO_2_IMAGE, HELLO_2_IMAGE].join())
        assert.match(await kubectl('rollout', 'history', 'deployment/web'), /1 +<none>\n2 +<none>/)
        assert.match(await kubectl('rollout', 'undo', 'deployment/web'), /deployment.apps\/web rolled back/)
        await kubectl('rollout', 'status', 'deployment/web', '--timeout=40s')
        await cluster().waitFor('only old pods', async () => (await images()).every((image) => image === 'localhost/hello'))
      })

      it('scale changes how many run, and says no when the number is not what one thought', async () => {
        assert.match(await kubectl('scale', 'deployment/web', '--replicas=3'), /deployment.apps\/web scaled/)
        await kubectl('rollout', 'status', 'deployment/web', '--timeout=40s')
        assert.match(await fails('scale', 'deployment/web', '--replicas=9', '--current-replicas=7'), /Expected replicas to be 7, was 3/)
        await kubectl('scale', 'deployment/web', '--replicas=1')
        await cluster().waitFor('one pod', async () => (await pods('web')).length === 1)
        assert.equal((await cluster().get<Deployment>('deployment', 'web', space)).status?.replicas, 1)
      })

      it('describe tells what a pod is and what happened to it', async () => {
        const [one] = await pods('web')
        const text = await kubectl('describe', 'pod', one!.metadata.name)
        for (const line of [
          /^Node:\s+pi-\d\/198\.51\.100\.1\d$/m,
          /^Status:\s+Running$/m,
          /^IP:\s+10\.42\./m,
          /^Controlled By:\s+ReplicaSet\/web-/m,
          /^ {2}hello:$/m,
          /Container ID:\s+podman:\/\/[0-9a-f]{64}/,
          /Image:\s+localhost\/hello\n/,
          /Readiness:\s+http-get http:\/\/:http\/ delay=0s timeout=1s period=1s/,
          /POD_NAME:\s+web-\S+ \(v1:metadata.name\)/,
          /^ {2}Ready\s+True\s*$/m,
          /Normal\s+Scheduled\s.*Successfully assigned typed-/,
          /Normal\s+Started\s.*Started container hello/,
        ])
          assert.match(text, line)
        assert.match(await kubectl('describe', 'deployment', 'web'), /StrategyType:\s+RollingUpdate[\s\S]*ScalingReplicaSet/)
        assert.match(await kubectl('describe', 'node', 'pi-1'), /Capacity:\n\s+cpu:[\s\S]*Allocatable:[\s\S]*Non-terminated Pods:/)
      })

      it('get --watch shows a pod come and go', async () => {
        const watching = await start('get', 'pods', '--watch', '--selector=app=seen')
        await cluster().apply(pod(space, 'seen', [script(FOR_EVER)]))
        await kubectl('wait', '--for=condition=Ready', 'pod/seen', '--timeout=20s')
        const state = async () => (await said(watching)).map((line) => line.split(/\s+/).slice(0, 3).join(' '))
        await cluster().waitFor('the watch to show it running', async () => (await state()).includes('seen 1/1 Running'))
        await kubectl('delete', 'pod', 'seen')
        await cluster().waitFor('the watch to show it leave', async () => (await state()).includes('seen 1/1 Terminating'))
        const all = await state()
        assert.equal(all[0], 'NAME READY STATUS')
        for (const [earlier, later] of [
          ['Pending', 'ContainerCreating'],
          ['ContainerCreating', 'Running'],
          ['Running', 'Terminating'],
        ])
          assert.ok(all.findIndex((line) => line.endsWith(earlier!)) < all.findIndex((line) => line.endsWith(later!)), all.join('\n'))
        process.kill(watching.pid, 'SIGKILL')
      })

      it('wait waits for a condition, for a value and for the end, and gives up in time', async () => {
        await cluster().apply(pod(space, 'awaited', [script(FOR_EVER)]))
        assert.match(
          await kubectl('wait', '--for=jsonpath={.status.phase}=Running', 'pod/awaited', '--timeout=20s'),
          /pod\/awaited condition met/,
        )
        assert.match(
          await fails('wait', '--for=condition=Nonsense', 'pod/awaited', '--timeout=1s'),
          /timed out waiting for the condition on pods\/awaited/,
        )
        const waiting = await start('wait', '--for=delete', 'pod/awaited', '--timeout=30s')
        await kubectl('delete', 'pod', 'awaited', '--wait=false')
        assert.equal((await waiting.ended).exitCode, 0)
        assert.match(await fails('get', 'pod', 'awaited'), /Error from server \(NotFound\): pods "awaited" not found/)
      })

      it('logs shows what was said, --tail the end of it, --follow what comes until the pod ends', async () => {
        const lines = 'for i in 1 2 3; do echo line $i; done; while [ ! -e /tmp/go ]; do sleep 0.1; done; echo more; sleep 1; echo last'
        await cluster().apply(pod(space, 'talks', [script(lines)], { restartPolicy: 'Never' }))
        await kubectl('wait', '--for=condition=Ready', 'pod/talks', '--timeout=20s')
        await cluster().waitFor('the lines', async () => (await kubectl('logs', 'talks')) === 'line 1\nline 2\nline 3\n')
        assert.equal(await kubectl('logs', 'talks', '--tail=2'), 'line 2\nline 3\n')
        assert.match(await kubectl('logs', 'talks', '--tail=1', '--timestamps'), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+\S* line 3\n$/)
        const following = await start('logs', '--follow', 'talks')
        await cluster().waitFor('what was said before', async () => (await said(following)).length === 3)
        const talks = await cluster().get<Pod>('pod', 'talks', space)
        await cluster().run(talks.spec.nodeName as 'pi-1', [
          'podman',
          'exec',
          talks.status!.containerStatuses![0]!.containerID!.replace('podman://', ''),
          'touch',
          '/tmp/go',
        ])
        await cluster().waitFor('the new line', async () => (await said(following)).includes('more'))
        assert.equal((await following.ended).exitCode, 0)
        assert.deepEqual(await said(following), ['line 1', 'line 2', 'line 3', 'more', 'last'])
        await cluster().waitFor('the pod to have ended', async () => (await kubectl('get', 'pod', 'talks')).includes('Completed'))
        assert.match(await kubectl('logs', 'talks'), /last\n$/)
      })

      it('logs --previous shows the attempt before; errors are said', async () => {
        await cluster().apply(
          pod(
            space,
            'again',
            [
              script('if [ -e /kept/once ]; then echo second; while :; do sleep 1; done; fi; touch /kept/once; echo first; exit 3', {
                volumeMounts: [{ name: 'kept', mountPath: '/kept' }],
              }),
            ],
            { volumes: [{ name: 'kept', emptyDir: {} }] },
          ),
        )
        await cluster().waitFor('the second attempt', async () => (await kubectl('logs', 'again')) === 'second\n')
        assert.equal(await kubectl('logs', 'again', '--previous'), 'first\n')
        const { lastState, restartCount } = (await cluster().get<Pod>('pod', 'again', space)).status!.containerStatuses![0]!
        assert.deepEqual([restartCount, lastState?.terminated?.exitCode, lastState?.terminated?.reason], [1, 3, 'Error'])
        assert.match(await fails('logs', 'nobody'), /pods "nobody" not found/)
        assert.match(await fails('logs', 'again', '--container=other'), /container other is not valid for pod again/)
        const [one] = await pods('web')
        assert.match(
          await fails('logs', one!.metadata.name, '--previous'),
          /previous terminated container "hello" in pod "web-\S+" not found/,
        )
        await kubectl('delete', 'pod', 'again', '--grace-period=1')
      })

      it('run, expose, label, annotate, patch and delete do what they say', async () => {
        assert.match(
          await kubectl(
            'run',
            'quick',
            `--image=${BUSYBOX}`,
            '--image-pull-policy=Never',
            '--restart=Never',
            '--',
            'sh',
            '-c',
            'echo done',
          ),
          /pod\/quick created/,
        )
        await kubectl('wait', '--for=jsonpath={.status.phase}=Succeeded', 'pod/quick', '--timeout=20s')
        assert.match(await kubectl('expose', 'deployment', 'web', '--port=80', '--target-port=8080'), /service\/web exposed/)
        assert.match(await kubectl('label', 'deployment/web', 'tier=front'), /labeled/)
        assert.match(await kubectl('annotate', 'deployment/web', 'note=seen'), /annotated?$/m)
        assert.match(
          await kubectl('patch', 'deployment', 'web', '--patch={"spec":{"template":{"spec":{"terminationGracePeriodSeconds":2}}}}'),
          /patched/,
        )
        assert.match(await kubectl('get', 'deployments', '--selector=tier=front', '--output=name'), /^deployment.apps\/web\n$/)
        assert.match(await kubectl('delete', 'deployment,service', 'web'), /deployment.apps "web" deleted[\s\S]*service "web" deleted/)
        await cluster().waitFor('its pods to go', async () => (await pods('web')).length === 0)
      })
    })
}
