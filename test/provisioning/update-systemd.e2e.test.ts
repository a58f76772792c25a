import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { after, before, describe, it } from 'node:test'
import { CONTROL_PLANE, createCluster, type Cluster } from '../e2e/cluster.ts'
import { places } from '../e2e/lab/names.ts'
import { type DebianHost, startDebian } from './debian-host.ts'
import { TestReleases } from './test-release.ts'
import { countAgents, LIST_PROCESSES, WantedVersion } from './wanted-version.ts'

// Releases with everything in them, installed by the line that people type, kept running by systemd.

const NAME = 'brt-update-sd'
/** The first host of the lab lends its network. */
const [PLACE] = places(NAME, 1)
const missing = ['mmdebstrap', 'podman', 'runc'].filter((program) => spawnSync(program, ['--version']).error)
const skip = process.getuid?.() !== 0 ? 'needs root for namespaces' : missing.length > 0 ? `needs ${missing.join(', ')}` : false

describe('updates under systemd, of a node that install.sh made', { skip, timeout: 600_000, concurrency: false }, () => {
  let cluster: Cluster
  let debian: DebianHost
  let releases: TestReleases
  let node: WantedVersion
  const sh = async (script: string): Promise<string> => (await debian.shell(script, { timeoutMs: 240_000 })).stdout.trim()
  const status = (): Promise<string> => sh('/opt/bramble/launcher agent status')

  before(async () => {
    releases = await TestReleases.createWhole()
    cluster = await createCluster({ name: NAME, join: 0 })
    const archives = [
      await releases.make('0.1.0'),
      await releases.make('0.2.0'),
      await releases.make('0.3.0', 'crashing'),
      await releases.make('0.4.0', 'hanging'),
    ]
    for (const archive of archives) await cluster.bramble(CONTROL_PLANE, ['release', 'import', archive])
    debian = await startDebian({ name: NAME, netns: PLACE!.netns })
    node = new WantedVersion(cluster, NAME, () => sh('journalctl -u bramble-agent --no-pager -o cat -n 40'))
    const { stdout } = await cluster.bramble(CONTROL_PLANE, ['token', 'create'])
    const line = /^curl .*install\.sh.*$/m.exec(stdout)?.[0].replace('sudo ', '') ?? assert.fail(`no line for the installer in: ${stdout}`)
    assert.match(await sh(`${line} --version 0.1.0`), /this machine is a Ready node/)
  })
  after(async () => {
    await debian?.remove()
    await cluster?.down()
    await releases?.remove()
  })

  it('comes to a newer version by itself', async () => {
    await node.want('0.2.0')
    await node.says('UpToDate', '0.2.0', /^runs 0\.2\.0$/)
    assert.match(await status(), /^current 0\.2\.0\nprevious 0\.1\.0$/)
    assert.equal(await sh('bramble version'), '0.2.0')
  })
  it('returns from a release that crashes, of which systemd hears nothing', async () => {
    const before = await sh('systemctl show bramble-agent -p NRestarts --value')
    await node.want('0.3.0')
    await node.says('Returned', '0.2.0', /^0\.3\.0: crashed 3 times, the last time with exit code 1; 0\.2\.0 runs again$/)
    assert.equal(Number(await sh('systemctl show bramble-agent -p NRestarts --value')), Number(before) + 1) // for the start of the trial
  })
  it('returns from a release that hangs', async () => {
    await node.want('0.4.0', 10)
    await node.says('Returned', '0.2.0', /^0\.4\.0: not healthy within 10 s; 0\.2\.0 runs again$/)
    assert.match(await status(), /^current 0\.2\.0\n/)
    const processes = await sh(LIST_PROCESSES.join(' '))
    assert.equal(countAgents(processes), 1, processes)
  })
  it('goes back to an older version that is wanted', async () => {
    await node.want('0.1.0')
    await node.says('UpToDate', '0.1.0', /^runs 0\.1\.0$/)
  })
})
