import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { CardFile } from './card.ts'
import { type FirstBootParts, root } from './first-boot.ts'

const exec = promisify(execFile)

/** A Pi, as far as QEMU has one, with a card that "bramble flash" made and that brings the release. */
export const PI: FirstBootParts = {
  arch: 'arm64',
  hostname: 'pi-lab-1',
  runtime: 'podman',
  isReleaseInside: false,
  flash: async (image, card, { hostname, controlPlane, publicKey, bundle }) => {
    const words = ['--image', image, '--output', card, '--hostname', hostname, '--ssh-key', publicKey, '--bundle', bundle, '--yes']
    const server = ['--data-dir', controlPlane.folder, '--server', controlPlane.server, '--stream-port', `${controlPlane.streamPort}`]
    const more = ['--wifi', 'Not here', '--wifi-open', '--country', 'DE', '--timezone', 'Europe/Berlin', '--label', 'disktype=sd']
    await exec(process.execPath, [join(root, 'bin/bramble'), 'flash', ...words, ...server, ...more], { timeout: 300_000 })
  },
}

/** A virtual PC on containerd, with the release in its image. */
export const PC: FirstBootParts = {
  arch: 'x64',
  hostname: 'lab-x64',
  runtime: 'containerd',
  isReleaseInside: true,
  // "bramble flash" makes cards for Pis alone
  flash: async (image, path, { hostname, controlPlane, publicKey, folder }) => {
    await exec('cp', ['--sparse=always', image, path])
    const lines = {
      FORMAT: '1',
      HOSTNAME: hostname,
      USER: 'bramble',
      SSH_KEY: publicKey,
      SERVER: controlPlane.server,
      STREAM_PORT: `${controlPlane.streamPort}`,
      TOKEN: await controlPlane.token(hostname),
      LABELS: 'disktype=ssd',
      RUNTIME: 'containerd',
    }
    const text = Object.entries(lines).map(([key, value]) => `${key}='${value}'\n`)
    await new CardFile(path).write('bramble/node.env', text.join(''), folder)
  },
}
