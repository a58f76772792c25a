import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { conditionOf } from '@bramble/api/conditions'
import type { Node } from '@bramble/api/types/node'
import type { CommandResult } from '../../../apps/node-agent/src/host/exec.ts'
import { type Cluster, CONTROL_PLANE, NODES, type NodeName } from '../cluster.ts'
import { waitFor } from '../wait.ts'

/** Bad input to the two programs: each a clear error, an exit code that is not 0, and nothing half done. */
export function membership(cluster: () => Cluster): void {
  const ELSEWHERE = '/var/tmp/elsewhere'
  const agent = (node: NodeName, args: readonly string[]): Promise<CommandResult> =>
    cluster().bramble(node, ['agent', '--data-dir', ELSEWHERE, ...args], { exitCodes: 'any', timeoutMs: 20_000 })
  const refused = (result: CommandResult, words: RegExp): void => {
    assert.match((result.stderr + result.stdout).replaceAll('\\"', '"'), words)
    assert.notEqual(result.exitCode, 0)
  }
  const names = async () => (await cluster().list<Node>('nodes')).map(({ metadata }) => metadata.name).sort()

  describe('what does not fit is refused', () => {
    it('a token that nobody made', async () => {
      const args = await cluster().joinArguments('pi-9')
      const token = tokenIn(args)
      refused(await agent('pi-1', withToken(args, `${token.slice(0, -4)}${token.endsWith('0000') ? '1111' : '0000'}`)), /token/)
      refused(await agent('pi-1', withToken(args, 'nonsense')), /token/)
      assert.deepEqual(await names(), NODES)
    })

    it('a token that was used up, has run out, or was deleted', async () => {
      const { stdout } = await cluster().bramble(CONTROL_PLANE, ['token', 'list'])
      assert.match(stdout, /^ID +TTL +USED +NODES/)
      assert.match(stdout, /1\/1 +pi-1 /m)
      refused(await agent('pi-1', withToken(await cluster().joinArguments('pi-9'), tokenIn(cluster().joinedWith.get('pi-1')!))), /token/)
      const args = await cluster().joinArguments('pi-9')
      const id = /\.([^.]+)\.[^.]+$/.exec(tokenIn(args))?.[1] ?? ''
      await cluster().bramble(CONTROL_PLANE, ['token', 'delete', id])
      refused(await agent('pi-1', args), /token/)
      const short = argumentsIn((await cluster().bramble(CONTROL_PLANE, ['token', 'create', '--ttl', '1s'])).stdout)
      await cluster().waitFor('the token to run out', async () =>
        (await cluster().bramble(CONTROL_PLANE, ['token', 'list'])).stdout.includes('expired'),
      )
      refused(await agent('pi-1', [...short, '--node-name', 'pi-9']), /token/)
      assert.deepEqual(await names(), NODES)
    })

    it('the name of another node', async () => {
      refused(await agent('pi-1', await cluster().joinArguments('pi-2')), /pi-2/)
      assert.equal((await cluster().readyNodes()).length, NODES.length)
    })

    it('another name or another cluster than the one that the machine has joined', async () => {
      refused(
        await cluster().bramble('pi-1', ['agent', '--node-name', 'pi-9'], { exitCodes: 'any', timeoutMs: 20_000 }),
        /has joined as node "pi-1", not "pi-9"/,
      )
      await withOtherCluster(async (args) => {
        refused(
          await cluster().bramble('pi-1', ['agent', ...args], { exitCodes: 'any', timeoutMs: 20_000 }),
          /is a node of another cluster/,
        )
        refused(await agent('pi-1', withToken(await cluster().joinArguments('pi-9'), tokenIn(args))), /is not the one that made this token/)
      })
    })

    it('a port that is taken', async () => {
      const { exitCode, stderr } = await cluster().bramble(CONTROL_PLANE, ['server', '--data-dir', ELSEWHERE], {
        exitCodes: 'any',
        timeoutMs: 20_000,
      })
      assert.notEqual(exitCode, 0)
      assert.match(stderr, /port (8883|8444|6443)\b.*(taken|in use)|EADDRINUSE/i)
    })

    it('settings that are none', async () => {
      for (const args of [
        ['--server', 'ftp://x'],
        ['--label', '==='],
        ['--node-name', 'UPPER'],
        ['--keepalive', 'soon'],
        ['--colour', 'red'],
      ])
        refused(await agent('pi-1', args), new RegExp(args[0]!))
      refused(await cluster().bramble(CONTROL_PLANE, ['server', '--api-port', '70000'], { exitCodes: 'any' }), /--api-port/)
      refused(await cluster().bramble(CONTROL_PLANE, ['token', 'create', '--ttl', 'soon'], { exitCodes: 'any' }), /--ttl/)
      refused(await cluster().bramble('pi-1', ['kubeconfig'], { exitCodes: 'any' }), /no control plane has run on this machine/)
    })
  })

  describe('what is not there yet', () => {
    it('Podman: the node is NotReady and says why, until it is installed', async () => {
      await cluster().stop('pi-1')
      const path = '/var/tmp/without-podman'
      await cluster().shell(
        'pi-1',
        `mkdir -p ${path}; for folder in /usr/sbin /usr/bin; do for file in $folder/*; do ln -sf $file ${path}/; done; done; rm ${path}/podman`,
      )
      await cluster().startAgent('pi-1', [], { PATH: path })
      const condition = await cluster().waitFor('pi-1 to be NotReady', async () => {
        const ready = conditionOf((await cluster().get<Node>('node', 'pi-1', '')).status?.conditions, 'Ready')
        return ready?.status === 'False' && ready
      })
      assert.match(condition.message!, /podman/)
      await cluster().shell('pi-1', `ln -s /usr/bin/podman ${path}/podman`)
      await cluster().waitFor('pi-1 to be Ready', async () => (await cluster().readyNodes()).includes('pi-1'), 60_000)
      await cluster().stop('pi-1')
      await cluster().startAgent('pi-1')
      await cluster().waitFor('pi-1 to be Ready', async () => (await cluster().readyNodes()).includes('pi-1'))
    })

    it('the control plane: the agent tries again, and joins when it is there', async () => {
      const args = await cluster().joinArguments('late')
      await cluster().kill(CONTROL_PLANE)
      const late = await cluster().spawnBramble('pi-1', ['agent', '--data-dir', ELSEWHERE, '--runtime', 'fake', ...args])
      try {
        await waitFor('the agent to say so', async () => /cannot join yet/.test(await cluster().shell('outside', `cat ${late.outputPath}`)))
        await cluster().startControlPlane()
        await cluster().waitFor('the node', async () => (await names()).includes('late'), 60_000)
      } finally {
        process.kill(late.pid, 'SIGKILL')
        await late.ended
        await cluster().shell('pi-1', `rm -rf ${ELSEWHERE}`)
      }
      await cluster().delete('node', 'late', '')
      await cluster().waitFor('every node to be Ready', async () => (await cluster().readyNodes()).length === NODES.length)
    })
  })

  const OTHER = '/var/tmp/other'
  /** What a machine would type to join another cluster, whose control plane runs for as long as `use` does. */
  async function withOtherCluster(use: (args: readonly string[]) => Promise<void>): Promise<void> {
    const server = await cluster().spawnBramble('pi-3', ['server', '--data-dir', OTHER])
    try {
      const create = () => cluster().bramble('pi-3', ['token', 'create', '--data-dir', OTHER])
      const { stdout } = await cluster().waitFor('the other control plane', create)
      await use(argumentsIn(stdout))
    } finally {
      process.kill(server.pid, 'SIGKILL')
      await server.ended
      await cluster().shell('pi-3', `rm -rf ${OTHER}`)
    }
  }
}

/** Of the first line that `bramble token create` printed. */
const argumentsIn = (lines: string): string[] => lines.split('\n')[0]!.split(' ').slice(2)
const tokenIn = (args: readonly string[]): string => args[args.indexOf('--token') + 1]!
const withToken = (args: readonly string[], token: string): string[] => args.map((arg) => (arg === tokenIn(args) ? token : arg))
