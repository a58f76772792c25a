import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { findKubectls } from '../e2e/kubectl.ts'
import { type HollowFleet, hollowFleet } from './hollow-fleet.ts'

// Real kubectl reads what the controllers write.

const template = (app: string, image: string): string =>
  JSON.stringify({
    metadata: { labels: { app } },
    spec: { terminationGracePeriodSeconds: 1, containers: [{ name: 'main', image, env: [{ name: 'A', value: 'b' }] }] },
  })
const manifests = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {replicas: 4, progressDeadlineSeconds: 60, selector: {matchLabels: {app: web}}, template: ${template('web', 'localhost/web:1')}}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: log}
spec: {updateStrategy: {rollingUpdate: {maxUnavailable: 2}}, selector: {matchLabels: {app: log}}, template: ${template('log', 'localhost/log:1')}}
`
const IMAGE = 'jsonpath={.spec.template.spec.containers[0].image}'

for (const { path, version } of await findKubectls())
  describe(`kubectl ${version} rolls out`, () => {
    let fleet: HollowFleet
    const kubectl = (...args: readonly string[]): Promise<string> =>
      new Promise((resolve, reject) => {
        const env = { ...process.env, KUBECONFIG: fleet.kubeconfig, HOME: fleet.folder }
        execFile(path, args, { env, timeout: 60_000 }, (error, out, err) =>
          error ? reject(new Error(`kubectl ${args.join(' ')}: ${err || error.message}`)) : resolve(out + err),
        )
      })
    const rolledOut = (name: string): Promise<string> => kubectl('rollout', 'status', name, '--timeout=50s')

    before(async () => {
      fleet = await hollowFleet(3)
      await kubectl('wait', 'node', '--all', '--for=condition=Ready', '--timeout=20s')
      await writeFile(join(fleet.folder, 'all.yaml'), manifests)
      await kubectl('apply', '-f', join(fleet.folder, 'all.yaml'))
    })
    after(() => fleet.stop())

    it('a new Deployment and a new DaemonSet', async () => {
      assert.match(await rolledOut('deployment/web'), /deployment "web" successfully rolled out/)
      assert.match(await rolledOut('daemonset/log'), /daemon set "log" successfully rolled out/)
      assert.match(await kubectl('get', 'ds/log'), /log +3 +3 +3 +3 +3 /)
      assert.match(await kubectl('get', 'deploy/web'), /web +4\/4 +4 +4 /)
      await kubectl('wait', 'deploy/web', '--for=condition=Available', '--timeout=5s')
    })

    it('another image, and history tells why', async () => {
      await kubectl('set', 'image', 'deployment/web', 'main=localhost/web:2')
      await kubectl('annotate', 'deployment/web', 'kubernetes.io/change-cause=second image')
      await kubectl('set', 'image', 'daemonset/log', 'main=localhost/log:2')
      await kubectl('annotate', 'daemonset/log', 'kubernetes.io/change-cause=second image')
      await rolledOut('deployment/web')
      assert.match(await rolledOut('daemonset/log'), /daemon set "log" successfully rolled out/)
      assert.match(await kubectl('rollout', 'history', 'deployment/web'), /1 +<none>\n2 +second image/)
      assert.match(await kubectl('rollout', 'history', 'daemonset/log'), /1 +<none>\n2 +/)
      assert.match(await kubectl('rollout', 'history', 'daemonset/log', '--revision=1'), /Image:\s+localhost\/log:1/)
      assert.match(await kubectl('rollout', 'history', 'deployment/web', '--revision=2'), /Image:\s+localhost\/web:2/)
    })

    it('undo takes both back', async () => {
      for (const name of ['deployment/web', 'daemonset/log']) {
        assert.match(await kubectl('rollout', 'undo', name), /rolled back/)
        await rolledOut(name)
        assert.match(await kubectl('get', name, '-o', IMAGE), /:1$/)
        assert.match(await kubectl('rollout', 'history', name), /2 .*\n3 /)
      }
      assert.match(await kubectl('rollout', 'undo', 'deployment/web', '--to-revision=3'), /skipped rollback/)
    })

    it('pause, resume and restart', async () => {
      await kubectl('rollout', 'pause', 'deployment/web')
      await kubectl('set', 'image', 'deployment/web', 'main=localhost/web:3')
      await assert.rejects(kubectl('rollout', 'status', 'deployment/web', '--timeout=2s'), /timed out|exceeded/)
      await kubectl('rollout', 'resume', 'deployment/web')
      await rolledOut('deployment/web')
      const podNames = async (): Promise<readonly string[]> => (await kubectl('get', 'pods', '-o', 'name')).trim().split('\n')
      const old = await podNames()
      await kubectl('rollout', 'restart', 'deployment/web', 'daemonset/log')
      await rolledOut('deployment/web')
      await rolledOut('daemonset/log')
      await kubectl('wait', '--for=delete', '--timeout=30s', ...old)
      assert.equal((await podNames()).filter((name) => old.includes(name)).length, 0)
    })

    it('describe tells the story', async () => {
      const text = await kubectl('describe', 'deployment/web')
      assert.match(text, /Progressing +True +NewReplicaSetAvailable/)
      assert.match(text, /NewReplicaSet: +web-\w+ \(4\/4 replicas created\)/)
      assert.match(text, /ScalingReplicaSet .* Scaled up replica set web-\w+ from 0 to 4/)
      assert.match(await kubectl('describe', 'daemonset/log'), /Pods Status: +3 Running/)
    })
  })
