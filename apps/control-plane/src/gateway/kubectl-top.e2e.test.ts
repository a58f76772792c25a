import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Pod } from '@bramble/api/types/pod'
import { testEnv } from '../http/http.fixture.ts'
import { type KubectlServer, kubectlRunner, kubectls, minorOf, serveForKubectl } from '../http/kubectl.fixture.ts'
import { nodes } from '../resources/node.ts'
import { pods } from '../resources/pod.ts'
import { UsageIntake } from './usage-intake.ts'

let server: KubectlServer
before(async () => {
  server = await serveForKubectl()
  await server.api.client.create(nodes, { metadata: { name: 'pi-1' }, spec: {} })
})
after(() => server.close())

const rows = (table: string): readonly string[] =>
  table
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).join(' '))

for (const kubectl of kubectls()) {
  const namespace = `top-${minorOf(kubectl)}`
  const { run, ok } = kubectlRunner(kubectl, namespace, () => server)

  test(`${namespace}: what pods and their containers use is shown, by label and summed up`, async () => {
    const { client } = server.api
    await ok(`create namespace ${namespace}`)
    const add = (name: string, app: string): Promise<Pod> =>
      client.create(pods, {
        metadata: { name, namespace, labels: { app } },
        spec: {
          nodeName: 'pi-1',
          containers: [
            { name: 'main', image: 'a' },
            { name: 'side', image: 'b' },
          ],
        },
      })
    const [web, db] = [await add('web', 'web'), await add('db', 'db')]
    assert.match((await run('top pods')).err, /metrics not available yet/)

    const intake = new UsageIntake(client, testEnv())
    const report = ({ metadata: { name, uid } }: Pod, cpuMillis: number): Promise<void> =>
      intake.takePod('pi-1', {
        type: 'pod-usage',
        namespace,
        name,
        uid,
        windowMs: 15_000,
        containers: [
          { name: 'main', cpuMillis, memoryBytes: 64 * 2 ** 20 },
          { name: 'side', cpuMillis: 1, memoryBytes: 2 ** 20 },
        ],
      })
    await report(web, 250)
    await report(db, 10)
    await intake.takeNode('pi-1', { type: 'node-usage', atMs: 0, windowMs: 15_000, cpuMillis: 300, memoryBytes: 2 ** 30 })

    assert.deepEqual(rows(await ok('top pods --no-headers --sort-by=cpu')), ['web 251m 65Mi', 'db 11m 65Mi'])
    assert.deepEqual(rows(await ok('top pods --no-headers --containers -l app=web')), ['web main 250m 64Mi', 'web side 1m 1Mi'])
    assert.deepEqual(rows(await ok('top pod db --no-headers')), ['db 11m 65Mi'])
    assert.match(await ok('get pods.metrics.k8s.io web'), /NAME +CPU +MEMORY +WINDOW\nweb +251m +66560Ki +15s/)
  })
}
