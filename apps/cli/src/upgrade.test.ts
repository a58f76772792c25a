import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { AgentUpgrade, AgentUpgradeStatus } from '@bramble/api/types/agent-upgrade'
import { type Cluster, openCluster } from './cluster.ts'
import { bramble, serverFlags, startServer, temporaryFolder } from './cli.fixture.ts'
import { followUpgrade, standingOf } from './upgrade-progress.ts'
import { selectorOf } from './upgrade-nodes.ts'

const LIMIT = { timeout: 60_000 }
const folder = await temporaryFolder({ after })
const here = ['--data-dir', folder]
await startServer({ after }, ...(await serverFlags(folder))).ready
const cluster = openCluster(folder)

const misuse: readonly (readonly [name: string, args: readonly string[], stderr: RegExp])[] = [
  ['what is no version', ['--version', 'latest'], /^bramble: --version latest: must be a version such as 0\.2\.0 or 0\.2\.0-rc\.1$/m],
  ['two orders at once', ['--pause', '--abort'], /^bramble: --pause and --abort: say one of them$/m],
  ['a wave of nothing in particular', ['--max-unavailable', '3'], /^bramble: --max-unavailable: need --version, too$/m],
  ['a wave of none', ['--version', '0.2.0', '--max-unavailable', '0'], /--max-unavailable 0: must be a number from 1 on, or a percentage/],
  ['more than all failures', ['--version', '0.2.0', '--max-failures', '101%'], /--max-failures 101%: must be a number from 1 on/],
  ['no time at all', ['--version', '0.2.0', '--deadline', '5'], /--deadline 5: must be a number of seconds from 30 to 86400/],
  ['nodes that nobody can tell apart', ['--version', '0.2.0', '--selector', 'a in (b'], /--selector a in \(b: unable to parse requirement/],
  ['this machine to nothing', ['--server'], /--server needs --version; "bramble release list" shows which there are/],
  [
    'this machine in waves',
    ['--server', '--version', '0.2.0', '--max-unavailable', '3', '--watch'],
    /--max-unavailable, --watch: are about nodes, and --server about this machine/,
  ],
]
for (const [name, args, stderr] of misuse)
  test(`bramble upgrade is refused ${name}`, LIMIT, async () => {
    const ended = await bramble('upgrade', ...args, ...here)
    assert.match(ended.stderr, stderr)
    assert.equal(ended.code, 2)
  })

const upgrade = async (): Promise<AgentUpgrade> => await cluster.call<AgentUpgrade>('GET', '/apis/bramble.dev/v1/agentupgrades/agents')

/** A node as its agent would report it. */
async function setNode(name: string, runs: string, cluster: Cluster, labels: object = {}): Promise<void> {
  const path = '/api/v1/nodes'
  await cluster.call('POST', path, { apiVersion: 'v1', kind: 'Node', metadata: { name, labels } })
  const conditions = [{ type: 'Ready', status: 'True' }]
  await cluster.call('PATCH', `${path}/${name}/status`, {
    status: { conditions, nodeInfo: { kubeletVersion: `v1.36.2+bramble.${runs}`, architecture: 'arm64' } },
  })
}

test('an upgrade is started, changed, paused, aborted and looked at by one command', LIMIT, async () => {
  assert.match((await bramble('upgrade', ...here)).stdout, /^no upgrade was asked for/)
  await setNode('pi-1', '0.1.0', cluster, { site: 'north' })
  const started = await bramble('upgrade', '--version', '0.2.0', '--selector', 'site=north', '--max-unavailable', '25%', ...here)
  assert.deepEqual(
    [started.code, started.stdout],
    [0, 'upgrade "agents" started; follow it with "bramble upgrade --watch" or "kubectl get au -w"\n'],
  )
  assert.deepEqual((await upgrade()).spec, {
    version: '0.2.0',
    nodeSelector: { matchExpressions: [{ key: 'site', operator: 'In', values: ['north'] }] },
    maxUnavailable: '25%',
    maxFailures: 1,
    deadlineSeconds: 600,
  })
  const watched = await bramble('upgrade', '--watch', ...here)
  assert.equal(watched.code, 1)
  assert.match(
    watched.stdout,
    /ReleaseMissing 0 of 1 nodes run 0\.2\.0: .*type bramble release import bramble-0\.2\.0-linux-arm64\.tar\.zst/,
  )

  assert.equal((await bramble('upgrade', '--pause', ...here)).code, 0)
  assert.equal((await upgrade()).spec.paused, true)
  assert.match((await bramble('upgrade', ...here)).stdout, /^agents +0\.2\.0 +0 +0 +0 +0 +1 +Paused$/m)
  assert.equal((await bramble('upgrade', '--version', '0.2.1', ...here)).code, 0)
  const { spec } = await upgrade()
  assert.deepEqual([spec.version, spec.nodeSelector, spec.paused, spec.maxUnavailable], ['0.2.1', undefined, undefined, '10%'])

  const aborted = await bramble('upgrade', '--abort', '--watch', ...here)
  assert.equal(aborted.code, 1)
  assert.match(aborted.stdout, /Aborted +0 of 1 nodes run 0\.2\.1: spec\.aborted is set/)
  const again = await bramble('upgrade', '--version', '0.2.1', ...here)
  assert.equal(again.code, 2)
  assert.match(
    again.stderr,
    /upgrade "agents" to 0\.2\.1 was aborted, for good; try a version in which that is mended, or "kubectl delete au agents" first/,
  )
  assert.equal((await bramble('upgrade', '--version', '0.2.2', ...here)).code, 0)
})

test('what was not started cannot be paused', LIMIT, async () => {
  const { code, stderr } = await bramble('upgrade', '--pause', '--name', 'other', ...here)
  assert.deepEqual([code, stderr], [2, 'bramble: there is no AgentUpgrade "other"; "bramble upgrade --version VERSION" makes one\n'])
})

test('the cluster may be that of a kubeconfig', LIMIT, async () => {
  const { code, stdout } = await bramble('upgrade', '--kubeconfig', `${folder}/server/kubeconfig`, '--data-dir', '/nowhere')
  assert.deepEqual([code, stdout.split(/\s+/)[0]], [0, 'NAME'])
})

const progressing = (status: 'True' | 'False', reason: string): AgentUpgradeStatus['conditions'] => [
  { type: 'Progressing', status, reason, message: 'so it is' },
]
const standings: readonly (readonly [conditions: AgentUpgradeStatus['conditions'], word: string, is: string])[] = [
  [undefined, 'Pending', 'going on'],
  [progressing('True', 'NodesUpdating'), 'Progressing', 'going on'],
  [progressing('False', 'Complete'), 'Complete', 'well'],
  [progressing('False', 'WaitingForNodes'), 'WaitingForNodes', 'well'],
  [progressing('False', 'Paused'), 'Paused', 'well'],
  [progressing('False', 'ReleaseMissing'), 'ReleaseMissing', 'over'],
  [progressing('False', 'Failures'), 'Failures', 'over'],
  [[{ type: 'Aborted', status: 'True', reason: 'Requested' }], 'Aborted', 'over'],
]
for (const [conditions, word, is] of standings)
  test(`an upgrade that is ${word} is ${is}`, () => {
    const standing = standingOf({ total: 1, updated: 0, updating: 0, failed: 0, offline: 0, ...(conditions && { conditions }) })
    assert.deepEqual([standing.word, standing.is], [word, is])
  })

const at = (updated: number, status: AgentUpgradeStatus['conditions'], more: Partial<AgentUpgradeStatus> = {}): AgentUpgrade => ({
  metadata: { name: 'agents', uid: 'u', resourceVersion: '1', creationTimestamp: '', generation: 2 },
  spec: { version: '0.2.0' },
  status: {
    observedGeneration: 2,
    version: '0.2.0',
    total: 3,
    updated,
    updating: 0,
    failed: 0,
    offline: 0,
    ...(status && { conditions: status }),
    ...more,
  },
})

/** @param looks What stands there at each look, the last for ever. */
async function followed(...looks: readonly (AgentUpgrade | undefined | Error)[]): Promise<readonly [isWell: boolean, ...lines: string[]]> {
  const left = [...looks]
  const lines: string[] = []
  const read = async (): Promise<AgentUpgrade | undefined> => {
    const next = left.length > 1 ? left.shift() : left[0]
    if (next instanceof Error) throw next
    return next
  }
  const isWell = await followUpgrade({ read, say: (line) => lines.push(line), lookMs: 1 })
  return [isWell, ...lines]
}

test('an upgrade is followed to its end, a line for each change', async () => {
  const on = progressing('True', 'NodesUpdating')
  assert.deepEqual(await followed(at(0, on), at(0, on), at(1, on, { updating: 1 }), at(3, progressing('False', 'Complete'))), [
    true,
    'Progressing 0 of 3 nodes run 0.2.0',
    'Progressing 1 of 3 nodes run 0.2.0, 1 at it',
    'Complete    3 of 3 nodes run 0.2.0',
  ])
})

test('an abort is told with the failures that led to it', async () => {
  const failures = [{ node: 'pi-1', reason: 'Returned', message: '0.2.0: crashed 3 times' }]
  const conditions: AgentUpgradeStatus['conditions'] = [
    { type: 'Aborted', status: 'True', reason: 'TooManyFailures', message: 'failed on pi-1' },
  ]
  assert.deepEqual(await followed(at(0, conditions, { failed: 1, failures })), [
    false,
    'Aborted     0 of 3 nodes run 0.2.0, 1 failed: failed on pi-1',
    'pi-1: Returned: 0.2.0: crashed 3 times',
  ])
})

test('a control plane that is away for a while is waited for; what is about an older wish is not taken for the end', async () => {
  const old = at(3, progressing('False', 'Complete'), { observedGeneration: 1 })
  const [isWell, ...lines] = await followed(old, new Error('cannot reach the control plane'), at(3, progressing('False', 'Complete')))
  assert.equal(isWell, true)
  assert.ok(lines.includes('cannot reach the control plane; trying again'))
})

test('an upgrade that is deleted is over', async () => {
  assert.deepEqual(await followed(undefined), [false, 'the AgentUpgrade is gone: versions stay as they are'])
})

test('a selector is read as kubectl reads it', () => {
  assert.deepEqual(selectorOf('a=b,c!=d,e in (f, g),!h'), {
    matchExpressions: [
      { key: 'a', operator: 'In', values: ['b'] },
      { key: 'c', operator: 'NotIn', values: ['d'] },
      { key: 'e', operator: 'In', values: ['f', 'g'] },
      { key: 'h', operator: 'DoesNotExist', values: [] },
    ],
  })
})
