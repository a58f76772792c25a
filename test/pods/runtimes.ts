import { containerdConfig } from '../../apps/node-agent/src/runtime/cri/containerd.fixture.ts'
import { archiveOf, BUSYBOX_IMAGE, HELLO_IMAGE } from '../../tools/images/build.ts'
import type { Cluster, NodeName } from '../e2e/cluster.ts'

export interface RuntimeUnderTest {
  readonly name: string
  readonly node: NodeName
  /** Starts what it needs on its host, with the images of the tests. @returns more arguments for the agent. */
  readonly prepare: (cluster: Cluster) => Promise<readonly string[]>
  /** The command of its host that takes the images of an archive in, whatever machines they are for; the path comes last. */
  readonly load: readonly string[]
}

const CTR = ['ctr', '--namespace', 'k8s.io', 'images'] as const

/** What tells the nodes apart. */
export const RUNTIME_LABEL = 'runtime'

/** Each on a node of its own. */
export const RUNTIMES: readonly RuntimeUnderTest[] = [
  { name: 'podman', node: 'pi-1', prepare: async () => ['--runtime', 'podman'], load: ['podman', 'load', '--quiet', '--input'] },
  {
    name: 'containerd',
    node: 'pi-2',
    prepare: async (cluster) => {
      await startContainerd(cluster, 'pi-2')
      return ['--runtime', 'containerd']
    },
    load: [...CTR, 'import', '--all-platforms'],
  },
]
const CONFIG = '/etc/containerd/config.toml'

/** As Debian's package would, with the images of the tests. */
export async function startContainerd(cluster: Cluster, node: NodeName): Promise<void> {
  const config = containerdConfig({ folder: '/var/lib/containerd' })
  await cluster.run(node, ['sh', '-c', `mkdir -p /etc/containerd && cat > ${CONFIG}`], { input: config })
  await cluster.spawn(node, ['containerd', '--config', CONFIG])
  await cluster.waitFor(`containerd on ${node}`, () => cluster.run(node, [...CTR, 'list', '--quiet']))
  for (const image of [BUSYBOX_IMAGE, HELLO_IMAGE]) await loadImage(cluster, node, [...CTR, 'import'], (await archiveOf(image)).bytes)
}

/** With a command as `RuntimeUnderTest.load`. */
export async function loadImage(cluster: Cluster, node: NodeName, load: readonly string[], archive: Buffer): Promise<void> {
  const script = 'path=$(mktemp) && base64 -d > $path && "$@" $path && rm $path'
  await cluster.run(node, ['sh', '-c', script, 'sh', ...load], { input: archive.toString('base64') })
}

/** Of a pod's spec: where its runtime is. */
export const onNodeOf = (runtime: string): Readonly<Record<string, unknown>> => ({ nodeSelector: { [RUNTIME_LABEL]: runtime } })
