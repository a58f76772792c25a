import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { after, before, test } from 'node:test'
import { type Cluster, CONTROL_PLANE, createCluster } from '../e2e/cluster.ts'
import { BUSYBOX_IMAGE } from '../../tools/images/build.ts'
import { INSTALL, ROOT, settingsOf } from './supervised-node.ts'
import { TestReleases } from './test-release.ts'
import { countAgents, LIST_PROCESSES, UPDATE_MS_MAX, WantedVersion } from './wanted-version.ts'

// A node with real Podman whose agent is kept running by bin/supervise through the launcher, as where there is no systemd.

const NODE = 'pi-1'
const LIMIT_MS = 240_000
const SKIP = process.getuid?.() === 0 ? false : 'needs root for namespaces'

let cluster: Cluster
let releases: TestReleases
let settings: string
let node: WantedVersion
/** Container ids by name, as they were before any update. */
let containers: Readonly<Record<string, string>>

before(
  async () => {
    if (SKIP) return
    releases = await TestReleases.create()
    cluster = await createCluster({ name: 'brt-update', join: 0 })
    const first = await releases.make('0.1.0')
    for (const archive of [
      await releases.make('0.2.0'),
      await releases.make('0.3.0', 'crashing'),
      await releases.make('0.4.0', 'hanging'),
      await releases.make('0.5.0'),
      await releases.make('0.6.0'),
      await releases.make('0.7.0'),
    ])
      await cluster.bramble(CONTROL_PLANE, ['release', 'import', archive])
    node = new WantedVersion(cluster, NODE, () => cluster.shell(NODE, 'tail -n 40 /var/log/node-agent.log'))
    settings = settingsOf(await cluster.joinArguments(NODE))
    await cluster.shell(NODE, INSTALL, { env: { ARCHIVE: first, ROOT } })
    await supervise()
    await cluster.waitFor('the node to be Ready', async () => (await cluster.readyNodes()).includes(NODE), 60_000)
    await cluster.apply(aPod('one'), aPod('two'))
    containers = await cluster.waitFor('the pods to run', async () => {
      const found = await podContainers()
      return Object.keys(found).length === 2 ? found : undefined
    })
  },
  { timeout: LIMIT_MS },
)
after(async () => {
  await cluster?.down()
  await releases?.remove()
})

const supervise = () =>
  cluster.spawn(NODE, [
    'env',
    ...[`BRAMBLE_ROOT=${ROOT}`, `BRAMBLE_CONFIG=${settings}`],
    ...[`${ROOT}/agent/current/bin/supervise`, 'node-agent', '/var/log', `${ROOT}/launcher`, 'agent', 'run'],
  ])

const aPod = (name: string): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'default' },
  spec: {
    nodeName: NODE,
    terminationGracePeriodSeconds: 0,
    containers: [{ name: 'main', image: BUSYBOX_IMAGE, imagePullPolicy: 'Never', command: ['sleep', '100000'] }],
  },
})

async function podContainers(): Promise<Readonly<Record<string, string>>> {
  const all = await cluster.containers(NODE)
  return Object.fromEntries(Object.entries(all).filter(([name]) => name.includes('main')))
}

/** The agent's folder, as seen from outside the node. */
const onDisk = (path = ''): string => join(cluster.lab.disk('h1'), ROOT, 'agent', path)
const link = (name: string): string => basename(readlinkSync(onDisk(name)))
const text = (path: string): string | undefined => (existsSync(onDisk(path)) ? readFileSync(onDisk(path), 'utf8').trim() : undefined)

async function podsRanOn(): Promise<void> {
  assert.deepEqual(await podContainers(), containers)
}

test('a good release is fetched, tried and kept; pods run on', { skip: SKIP, timeout: LIMIT_MS }, async () => {
  await node.want('0.2.0')
  await node.says('UpToDate', '0.2.0', /^runs 0\.2\.0$/)
  assert.deepEqual([link('current'), link('previous'), text('trial')], ['0.2.0', '0.1.0', undefined])
  await podsRanOn()
})

test('a release that crashes is left after three starts and named; pods run on', { skip: SKIP, timeout: LIMIT_MS }, async () => {
  await node.want('0.3.0')
  await node.says('Returned', '0.2.0', /^0\.3\.0: crashed 3 times, the last time with exit code 1; 0\.2\.0 runs again$/)
  assert.equal(link('current'), '0.2.0')
  await podsRanOn()
})

test('a release that hangs and does not hear is ended at its deadline; pods run on', { skip: SKIP, timeout: LIMIT_MS }, async () => {
  await node.want('0.4.0', 10)
  await node.says('Returned', '0.2.0', /^0\.4\.0: not healthy within 10 s; 0\.2\.0 runs again$/)
  await podsRanOn()
})

test('an archive that was damaged on the way never starts', { skip: SKIP, timeout: LIMIT_MS }, async () => {
  const archive = join(cluster.lab.disk('h4'), 'own/var/lib/bramble/releases', `bramble-0.5.0-linux-${process.arch}.tar.zst`)
  await using file = await open(archive, 'r+')
  await file.write(Buffer.from([0xff, 0x00, 0xff]), 0, 3, 5000)
  await node.want('0.5.0')
  await node.says('DownloadFailed', '0.2.0', /^0\.5\.0: its archive is damaged: .*; will be tried again$/)
  assert.equal(link('current'), '0.2.0')
  await podsRanOn()
})

test('a server that is gone during the trial: the old release returns, and nothing is held against the new one', {
  skip: SKIP,
  timeout: LIMIT_MS,
}, async () => {
  await node.want('0.6.0', 15)
  await cluster.waitFor('the trial to begin', async () => text('trial')?.startsWith('0.6.0'))
  await cluster.kill(CONTROL_PLANE)
  await cluster.waitFor('the old release to return', async () => link('current') === '0.2.0', 60_000)
  assert.deepEqual([text('returned'), text('bad/0.6.0')], ['0.6.0 1 never in contact with the server within 15 s', undefined])
  await cluster.startControlPlane()
  await node.says('Returned', '0.2.0', /^0\.6\.0: never in contact with the server within 15 s; 0\.2\.0 runs again; will be tried again$/)
  await podsRanOn()
})

test('whoever is killed during a trial, there is one agent, and pods run on', { skip: SKIP, timeout: LIMIT_MS }, async () => {
  await cluster.shell(NODE, `BRAMBLE_ROOT=${ROOT} ${ROOT}/launcher agent forget 0.6.0`)
  await node.want('0.2.0')
  await node.want('0.6.0')
  await cluster.waitFor('the trial to begin', async () => text('trial')?.startsWith('0.6.0 1'), UPDATE_MS_MAX)
  const launcher = (await cluster.run(NODE, ['pgrep', '-f', `^/bin/sh ${ROOT}/launcher agent run`])).stdout.trim()
  await cluster.run(NODE, ['kill', '-KILL', launcher])
  await node.says('UpToDate', '0.6.0', /^runs 0\.6\.0$/)
  assert.equal(countAgents((await cluster.run(NODE, [...LIST_PROCESSES])).stdout), 1)
  await podsRanOn()
})

test('the power is cut while it unpacks, when it is staged and during the trial: it arrives, and pods come back', {
  skip: SKIP,
  timeout: LIMIT_MS,
}, async () => {
  const moments: Readonly<Record<string, () => boolean>> = {
    'it unpacks': () => readdirSync(onDisk('../releases')).some((name) => name.startsWith('.0.7.0')),
    'it is staged': () => text('trial')?.startsWith('0.7.0 0') === true,
    'it is on trial': () => text('trial')?.startsWith('0.7.0 1') === true,
  }
  await node.want('0.7.0')
  for (const [name, isNow] of Object.entries(moments)) {
    await cluster.waitFor(name, async () => isNow(), UPDATE_MS_MAX)
    await cluster.powerCut(NODE)
    await cluster.lab.start('h1')
    await supervise()
  }
  await node.says('UpToDate', '0.7.0', /^runs 0\.7\.0$/)
  await cluster.waitFor('the pods to run again', async () => Object.keys(await podContainers()).length === 2, 60_000)
  assert.ok(!readdirSync(onDisk('../releases')).some((name) => name.startsWith('.')))
})
