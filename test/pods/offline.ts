import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import type { Cluster } from '../e2e/cluster.ts'
import { pod, script } from '../e2e/manifests.ts'
import { onNodeOf, type RuntimeUnderTest } from './runtimes.ts'

const COUNT = 'i=0; while :; do i=$((i+1)); echo $i; sleep 0.2 & wait $!; done'

/** Streams of a node that cannot be reached for a while. Its other pods must not mind. */
export function offline(cluster: () => Cluster, { name: runtime, node }: RuntimeUnderTest): void {
  const kubectl = (...args: readonly string[]) => cluster().kubectlResult(['--namespace', runtime, ...args], { exitCodes: 'any' })
  const isReady = async () => (await cluster().readyNodes()).includes(node)
  const counted = async () =>
    Number(await cluster().shell(node, `tail -n 1 /var/log/pods/${runtime}_counts_*/main/0.log | cut -d ' ' -f 4`))

  describe(`a node with ${runtime} that is cut off`, () => {
    after(async () => {
      await cluster().joinLink(node)
      await kubectl('delete', 'pod', 'counts', '--ignore-not-found', '--grace-period=1', '--wait=false')
    })

    it('is not there for commands and logs, and both are told at once', async () => {
      await cluster().apply(pod(runtime, 'counts', [script(COUNT)], onNodeOf(runtime)))
      await kubectl('wait', '--for=condition=Ready', 'pod/counts', '--timeout=50s')
      await cluster().cutLink(node)
      await cluster().waitFor('it to be NotReady', async () => !(await isReady()), 60_000)
      for (const args of [
        ['exec', 'counts', '--', 'true'],
        ['logs', 'counts'],
        ['get', '--raw', `/api/v1/nodes/${node}/proxy/healthz`],
      ]) {
        const { exitCode, stderr } = await kubectl(...args)
        assert.equal(exitCode, 1)
        assert.match(stderr, new RegExp(`node "?${node}"? is not connected|ServiceUnavailable`))
      }
    })

    it('serves what was logged meanwhile when it is back', async () => {
      const cut = await counted()
      const meanwhile = await cluster().waitFor('more to be logged', async () => (await counted()) > cut + 5 && counted())
      await cluster().joinLink(node)
      await cluster().waitFor('it to be Ready', isReady, 90_000)
      const { stdout, stderr } = await kubectl('logs', 'counts')
      const numbers = stdout.trim().split('\n').map(Number)
      assert.ok(numbers.length >= meanwhile, stderr)
      assert.deepEqual(
        numbers,
        Array.from(numbers, (_, index) => index + 1),
      )
      assert.equal((await kubectl('exec', 'counts', '--', 'echo', 'back')).stdout, 'back\n')
    })
  })
}
