import { rm, writeFile } from 'node:fs/promises'
import { containerdConfig } from '../apps/node-agent/src/runtime/cri/containerd.fixture.ts'
import type { Lab } from '../test/e2e/lab/lab.ts'
import { waitFor } from '../test/e2e/wait.ts'
import { archiveOf, HELLO_IMAGE } from '../tools/images/build.ts'
import type { HostRuntime } from './bramble-fleet.ts'

export const CONTAINERD_SOCKET = '/run/containerd/containerd.sock'
const FOLDER = '/var/lib/containerd'
const CONFIG = '/etc/containerd.toml'
const CTR = ['ctr', '--namespace', 'k8s.io']

/** containerd as Debian's package runs it, with the image of the benches. */
export const containerdHost: HostRuntime = {
  name: 'containerd',
  start: async (lab, host) => {
    await lab.run(host, ['sh', '-c', `cat > ${CONFIG}`], { input: containerdConfig({ folder: FOLDER }) })
    await lab.spawn(host, ['containerd', '--config', CONFIG])
    await waitFor(`containerd on ${host}`, () => lab.run(host, [...CTR, 'version']))
  },
  loadImage,
}

async function loadImage(lab: Lab, host: string): Promise<void> {
  const path = `${lab.disk(host)}/hello.tar`
  await writeFile(path, (await archiveOf(HELLO_IMAGE)).bytes)
  await lab.run(host, [...CTR, 'images', 'import', path])
  await rm(path)
}
