import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, it, type TestContext } from 'node:test'
import { runCommand } from '../../host/exec.ts'
import { insidePrivateHost, privateHostTest } from '../../host/private-host.ts'
import { CriTestHost } from '../../runtime/cri/cri-test-host.fixture.ts'
import { archivePromises } from './archive-promises.ts'
import { registryPromises } from './registry-promises.ts'

const STRANGE_HOST = '198.51.100.7'
let host: CriTestHost

if (insidePrivateHost()) {
  before(async () => {
    host = await CriTestHost.start('brt-cripulls')
    await runCommand('ip', ['address', 'add', STRANGE_HOST, 'dev', 'lo'])
  })
  after(() => host.remove())
  registryPromises(it, {
    runtime: (t: TestContext) => host.runtimeNow(t),
    trust: async (address, authority) => {
      const path = await registryFile(address, 'ca.crt', authority)
      await registryFile(
        address,
        'hosts.toml',
        `server = "https://${address}"\nca = "${path}"\n[host."https://${address}"]\nca = "${path}"\n`,
      )
    },
    allowPlain: async (address) => void (await registryFile(address, 'hosts.toml', `server = "http://${address}"\n`)),
    strangeHost: STRANGE_HOST,
    inParallel: true,
  })
  archivePromises(it, (t) => host.runtimeNow(t))
} else privateHostTest(import.meta.filename)

/** containerd reads them anew for each pull. */
async function registryFile(address: string, name: string, text: string): Promise<string> {
  const folder = join(host.containerd.registryFolder, address)
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, name), text)
  return join(folder, name)
}
