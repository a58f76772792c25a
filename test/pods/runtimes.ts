import { containerdConfig } from '../../apps/node-agent/src/runtime/cri/containerd.fixture.ts'
import { archiveOf, BUSYBOX_IMAGE, HELLO_IMAGE } from '../../tools/images/build.ts'
import type { Cluster, NodeName } from '../e2e/cluster.ts'

export interface RuntimeUnderTest {
  readonly name: string
  readonly node: NodeName
  /** Starts what it needs on its host, with the images of the tests. @returns more arguments for the agent. */
  readonly prepare: (cluster: Cluster) => Promise<readonly string[]>
}

/** Each on a node of its own. */
export const RUNTIMES: readonly RuntimeUnderTest[] = [
  { name: 'podman', node: 'pi-1', prepare: async () => ['--runtime', 'podman'] },
  {
    name: 'containerd',
    node: 'pi-2',
    prepare: async (cluster) => {
      await startContainerd(cluster, 'pi-2')
      return ['--runtime', 'containerd']
    },
  },
]

const CTR = ['ctr', '--namespace', 'k8s.io', 'images']
const CONFIG = '/etc/containerd/config.toml'

/** As Debian's package would, with the images of the tests. */
export async function startContainerd(cluster: Cluster, node: NodeName): Promise<void> {
  const config = containerdConfig({ folder: '/var/lib/containerd' })
  await cluster.run(node, ['sh', '-c', `mkdir -p /etc/containerd && cat > ${CONFIG}`], { input: config })
  await cluster.spawn(node, ['containerd', '--config', CONFIG])
  await cluster.waitFor(`containerd on ${node}`, () => cluster.run(node, [...CTR, 'list', '--quiet']))
  for (const image of [BUSYBOX_IMAGE, HELLO_IMAGE])
    await cluster.run(
      node,
      ['sh', '-c', 'base64 -d > /run/image.tar && "$@" /run/image.tar && rm /run/image.tar', 'sh', ...CTR, 'import'],
      {
        input: Buffer.from((await archiveOf(image)).bytes).toString('base64'),
      },
    )
}
