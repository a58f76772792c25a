import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { Node } from '@bramble/api/types/node'
import { runCommand } from '../../apps/node-agent/src/host/exec.ts'
import { CONTROL_PLANE, createCluster, type Cluster } from '../e2e/cluster.ts'
import { places } from '../e2e/lab/names.ts'
import { type DebianHost, startDebian } from './debian-host.ts'

const NAME = 'brt-install'
const REPOSITORY = join(import.meta.dirname, '../..')
/** The first host of the lab lends its network. */
const [PLACE] = places(NAME, 1)
const missing = ['mmdebstrap', 'podman', 'runc'].filter((program) => spawnSync(program, ['--version']).error)
const skip = process.getuid?.() !== 0 ? 'needs root for namespaces' : missing.length > 0 ? `needs ${missing.join(', ')}` : false
/** Where Debian's packages and systemd keep what they make, whatever it is called. */
const FOREIGN = /^\/(proc|sys|dev|run|tmp|var\/(cache|log|lib\/(dpkg|apt|containers)))\//

describe('the installer, on a Debian that has nothing', { skip, timeout: 600_000, concurrency: false }, () => {
  let cluster: Cluster
  let debian: DebianHost
  let folder: string
  let line: string
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bramble-install-'))
    cluster = await createCluster({ name: NAME, join: 0 })
    const release = ['tools/release/release.ts', '--arch', 'x64', '--arch', 'arm64', '--level', '1', '--output', folder]
    await runCommand(process.execPath, release, { cwd: REPOSITORY, timeoutMs: 300_000, maxOutputBytes: 1 << 22 })
    for (const name of await readdir(folder))
      if (name.endsWith('.tar.zst')) await cluster.bramble(CONTROL_PLANE, ['release', 'import', join(folder, name)])
    debian = await startDebian({ name: NAME, netns: PLACE!.netns })
    const { stdout } = await cluster.bramble(CONTROL_PLANE, ['token', 'create', '--label', 'from=token'])
    line = /^curl .*install\.sh.*$/m.exec(stdout)?.[0].replace('sudo ', '') ?? assert.fail(`no line for the installer in: ${stdout}`)
  })
  after(async () => {
    await debian?.remove()
    await cluster?.down()
    if (folder !== undefined) await rm(folder, { recursive: true, force: true })
  })

  /** Of ours, by their names or by what they say. */
  const files = async (): Promise<readonly string[]> => {
    const named = "find / -xdev -iname '*bramble*'"
    const saying = 'grep -rIil bramble /etc /opt /root /home /usr/local /var/lib /var/spool'
    const { stdout } = await debian.shell(`${named}; ${saying}`, { maxOutputBytes: 8 << 20, exitCodes: 'any' })
    return stdout.split('\n').filter((path) => path !== '' && !FOREIGN.test(path))
  }
  const sh = async (script: string): Promise<string> => (await debian.shell(script, { timeoutMs: 240_000 })).stdout.trim()

  it('says whether this machine can be a node, and changes nothing', async () => {
    assert.match(await sh(line.replace(/sh -s -- .*/, 'sh -s -- --check')), /can be a node/)
    assert.deepEqual(await files(), [])
  })
  it('does nothing when the key of the server is another', async () => {
    const other = line.replace(/sha256\/\/[^']+/, `sha256//${Buffer.alloc(32).toString('base64')}`)
    const { exitCode, stderr } = await debian.shell(`${other.split('|')[0]}`, { exitCodes: 'any' })
    assert.notEqual(exitCode, 0)
    assert.match(stderr, /pinned/i)
  })
  it('refuses a token that is none before it installs anything', async () => {
    const { exitCode, stderr } = await debian.shell(line.replace(/b1\.\S+/, 'nonsense'), { exitCodes: 'any' })
    assert.notEqual(exitCode, 0)
    assert.match(stderr, /bramble token create/)
  })
  it('makes the machine a Ready node by one line', async () => {
    const said = await sh(`${line} --label disktype=ssd`)
    assert.match(said, /this machine is a Ready node/)
    await cluster.waitFor('the node', async () => (await cluster.readyNodes()).includes(NAME))
    const { labels } = (await cluster.get<Node>('node', NAME)).metadata
    assert.deepEqual([labels?.['disktype'], labels?.['from']], ['ssd', 'token'])
    assert.equal(await sh('ls /var/lib/bramble/join-token 2>/dev/null || echo gone'), 'gone')
  })
  it('is the same when the line is typed again', async () => {
    assert.match(await sh(line.replace(/--token \S+/, '')), /this machine is a Ready node/)
  })
  it('has units that systemd takes as they are', async () => {
    const shown = await sh('systemctl show bramble-agent -p KillMode,WatchdogUSec,MemoryMax,Restart,NRestarts,Delegate')
    for (const fact of ['KillMode=process', 'WatchdogUSec=3min', 'Restart=always', 'NRestarts=0', 'Delegate=yes'])
      assert.ok(shown.split('\n').includes(fact), `${fact} in ${shown}`)
    assert.doesNotMatch(shown, /MemoryMax=infinity/)
    assert.equal(await sh('systemctl is-enabled bramble-agent bramble-shutdown'), 'enabled\nenabled')
    assert.doesNotMatch(await sh('journalctl -u bramble-agent -b --no-pager -o cat'), /b1\.[0-9a-f]{64}/)
  })
  it('starts again by itself when it is killed', async () => {
    await sh('systemctl kill --signal=KILL --kill-who=main bramble-agent')
    await cluster.waitFor('systemd to start it', async () => (await sh('systemctl show bramble-agent -p NRestarts --value')) !== '0')
    await cluster.waitFor('it to be Ready', async () => (await cluster.readyNodes()).includes(NAME))
  })
  it('leaves nothing when it is uninstalled', async () => {
    const said = await sh(line.replace(/sh -s -- .*/, 'sh -s -- --uninstall'))
    assert.match(said, /kubectl delete node/)
    assert.deepEqual(await files(), [])
    assert.equal(await sh('iptables-save | grep -ci bramble || true'), '0')
    assert.equal(await sh("systemctl list-unit-files --no-legend 'bramble*' || true"), '')
    assert.equal(await sh("podman ps -a --format '{{.ID}}'"), '')
    assert.equal(await sh("awk '$2 ~ /bramble/' /proc/mounts"), '')
  })
})
