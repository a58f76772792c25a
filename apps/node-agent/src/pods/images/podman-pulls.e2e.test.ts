import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { before, it, type TestContext } from 'node:test'
import { systemClock } from '@bramble/reconcile/env'
import { silentLog } from '@bramble/reconcile/log'
import { runCommand } from '../../host/exec.ts'
import { insidePrivateHost, privateHostTest } from '../../host/private-host.ts'
import { CniNetwork } from '../../network/pod-network/cni-network.ts'
import { PodmanRuntime } from '../../runtime/podman/podman-runtime.ts'
import { archivePromises } from './archive-promises.ts'
import { PLAIN_HOST, registryPromises } from './registry-promises.ts'

if (insidePrivateHost()) {
  before(ownConfiguration)
  registryPromises(it, {
    runtime: podman,
    trust: async (address, authority) => {
      await mkdir(`/etc/containers/certs.d/${address}`, { recursive: true })
      await writeFile(`/etc/containers/certs.d/${address}/ca.crt`, authority)
    },
    allowPlain: async () => {}, // a running Podman reads its registries once: they were all allowed before
  })
  archivePromises(it, podman)
} else privateHostTest(import.meta.filename)

/** Podman's settings of this machine, as a copy that the test may change. */
async function ownConfiguration(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-containers-'))
  await cp('/etc/containers', folder, { recursive: true })
  await runCommand('mount', ['-t', 'tmpfs', 'containers', '/etc/containers'])
  await cp(folder, '/etc/containers', { recursive: true })
  await mkdir('/etc/containers/registries.conf.d', { recursive: true })
  await writeFile('/etc/containers/registries.conf.d/plain.conf', `[[registry]]\nlocation = "${PLAIN_HOST}"\ninsecure = true\n`)
  await rm(folder, { recursive: true })
}

function podman(t: TestContext): PodmanRuntime {
  const runtime = new PodmanRuntime({ network: new CniNetwork(), clock: systemClock, log: silentLog, cgroupName: 'brt-pulls' })
  t.after(() => runtime.close())
  return runtime
}
