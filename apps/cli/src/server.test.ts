import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { delimiter, join } from 'node:path'
import { after, test } from 'node:test'
import { parseToken } from '@bramble/link/join-token'
import { parse } from 'yaml'
import { bramble, type Running, serverFlags, startServer, temporaryFolder } from './cli.fixture.ts'
import { openCluster } from './cluster.ts'

const LIMIT = { timeout: 60_000 }
const folder = await temporaryFolder({ after })
const flags = await serverFlags(folder)
const server = startServer({ after }, ...flags)
await server.ready
const here = ['--data-dir', folder]

/** Resolves with how the program ended, which it must within its stop limits. */
async function stopped({ child, ended }: Running): ReturnType<() => Running['ended']> {
  child.kill('SIGTERM')
  return ended
}

test('it answers at the address that its kubeconfig names, to those who hold it', LIMIT, async () => {
  const cluster = openCluster(folder)
  assert.equal(cluster.server, `https://127.0.0.1:${flags[7]}`)
  assert.equal(await cluster.call('GET', '/readyz'), 'ok')
  const { items } = await cluster.call<{ items: { metadata: { name: string } }[] }>('GET', '/api/v1/namespaces')
  assert.deepEqual(
    items.map(({ metadata }) => metadata.name),
    ['default', 'kube-node-lease', 'kube-public', 'kube-system'],
  )
})

test('what is secret can be read by its user alone', () => {
  for (const [path, mode] of [
    ['server', 0o700],
    ['server/kubeconfig', 0o600],
    ['server/pki', 0o700],
    ['server/pki/ca.key', 0o600],
    ['server/store.db', 0o600],
  ] as const)
    assert.equal(statSync(join(folder, path)).mode & 0o777, mode, path)
})

test('bramble kubeconfig prints one that kubectl takes', LIMIT, async (t) => {
  const { code, stdout } = await bramble('kubeconfig', ...here)
  assert.equal(code, 0)
  assert.deepEqual(Object.keys(parse(stdout) as object), ['apiVersion', 'kind', 'clusters', 'users', 'contexts', 'current-context'])
  const kubectl = (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((path) => join(path, 'kubectl'))
    .find(existsSync)
  if (kubectl === undefined) return t.skip('no kubectl here')
  const path = join(await temporaryFolder(t), 'config')
  await writeFile(path, stdout, { mode: 0o600 })
  assert.equal(execFileSync(kubectl, ['--kubeconfig', path, 'get', '--raw', '/readyz'], { encoding: 'utf8' }), 'ok')
})

test('a token is created, listed without its secret, and deleted', LIMIT, async () => {
  assert.equal((await bramble('token', 'list', ...here)).stdout, 'ID   TTL   USED   NODES   FOR   FROM   GIVES\n')
  const created = await bramble('token', 'create', ...here, '--ttl', '2h', '--uses', '3')
  const [, address, token] = /^bramble agent --server (\S+) --token (\S+)\n/.exec(created.stdout)!
  const line = `curl -fsSLk --pinnedpubkey 'sha256//[A-Za-z0-9+/]{43}=' ${address}/install\\.sh \\| sudo sh -s -- --token ${token}`
  assert.match(created.stdout, new RegExp(`\n# on a machine without Bramble \\(first give .*\\):\n${line}\n$`))
  assert.equal(address, openCluster(folder).server)
  const [id, secret] = parseToken(token!).wireToken.split('.')
  const listed = await bramble('token', 'list', ...here)
  assert.match(
    listed.stdout,
    new RegExp(`^ID +TTL +USED +NODES +FOR +FROM +GIVES\n${id} +(120m|119m|2h) +0/3 +<none> +<any> +<anywhere> +<none>\n$`),
  )
  assert.ok(!listed.stdout.includes(secret!))
  assert.equal((await bramble('token', 'delete', id!, ...here)).stdout, `token "${id}" deleted\n`)
  assert.equal((await bramble('token', 'list', ...here)).stdout, 'ID   TTL   USED   NODES   FOR   FROM   GIVES\n')
  const again = await bramble('token', 'delete', id!, ...here)
  assert.deepEqual([again.code, again.stderr], [2, `bramble: no token has the id "${id}"; "bramble token list" shows them\n`])
})

test('status shows the API and is not content while no agent runs', LIMIT, async () => {
  const { code, stdout } = await bramble('status', ...here)
  assert.match(stdout, new RegExp(`^API +https://127.0.0.1:${flags[7]}$`, 'm'))
  assert.equal(code, 3)
})

test('a second control plane on the same folder is refused, and the first one goes on', LIMIT, async (t) => {
  const second = startServer(t, ...(await serverFlags(folder)))
  const { code, stderr } = await second.ended
  assert.match(stderr, /store.db is in use by another process: stop the other control plane first/)
  assert.equal(code, 1)
  assert.equal(await openCluster(folder).call('GET', '/readyz'), 'ok')
})

for (const [port, index] of [
  ['api-port', 7],
  ['mqtt-port', 9],
  ['stream-port', 11],
] as const)
  test(`a ${port} that another program has is named, with the flag to change`, LIMIT, async (t) => {
    const mine = await temporaryFolder(t)
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    t.after(() => taken.close())
    const number = (taken.address() as { port: number }).port
    const own = [...(await serverFlags(mine))]
    own[index] = `${number}`
    const { code, stderr } = await startServer(t, ...own).ended
    assert.match(stderr, new RegExp(`${number}\\b.*[Cc]hoose another.* with --${port}`))
    assert.equal(code, 1)
  })

test('a config file says the same as flags, and flags win', LIMIT, async (t) => {
  const mine = await temporaryFolder(t)
  const [, , , , , , , api, , mqtt, , stream] = await serverFlags(mine)
  const path = join(mine, 'config.yaml')
  await writeFile(
    path,
    `data-dir: ${mine}\nlisten-address: 127.0.0.1\nadvertise-address: 192.0.2.1\napi-port: ${api}\nmqtt-port: ${mqtt}\nstream-port: "${stream}"\n` +
      'service-network: 10.99.0.0/16\ntls-name: [pi.example, 192.0.2.7]\nnode-name: ignored-here\n',
  )
  const running = startServer(t, '--config', path, '--advertise-address', '127.0.0.1')
  await running.ready
  const cluster = openCluster(mine)
  assert.equal(cluster.server, `https://127.0.0.1:${api}`)
  const service = await cluster.call<{ spec: { clusterIP: string } }>('GET', '/api/v1/namespaces/default/services/kubernetes')
  assert.equal(service.spec.clusterIP, '10.99.0.1')
  assert.deepEqual([(await stopped(running)).code], [0])
})

test('TERM and INT end it within seconds with exit code 0, and everything is there afterwards', LIMIT, async (t) => {
  const mine = await temporaryFolder(t)
  const own = await serverFlags(mine)
  const first = startServer(t, ...own)
  await first.ready
  const cluster = openCluster(mine)
  await cluster.call('POST', '/api/v1/namespaces/default/configmaps', { metadata: { name: 'kept' }, data: { a: '1' } })
  assert.equal((await stopped(first)).code, 0)
  const second = startServer(t, ...own)
  await second.ready
  assert.deepEqual((await cluster.call<{ data: unknown }>('GET', '/api/v1/namespaces/default/configmaps/kept')).data, { a: '1' })
  second.child.kill('SIGINT')
  assert.equal((await second.ended).code, 0)
})

test('a folder that cannot be made is named', LIMIT, async (t) => {
  const mine = await temporaryFolder(t)
  await writeFile(join(mine, 'file'), '')
  const { code, stderr } = await startServer(t, ...(await serverFlags(join(mine, 'file')))).ended
  assert.match(stderr, /ENOTDIR: not a directory, mkdir '.*\/file\/server'/)
  assert.equal(code, 1)
})

test('a damaged store is put aside, said, and not replaced by an empty one', LIMIT, async (t) => {
  const mine = await temporaryFolder(t)
  await mkdir(join(mine, 'server'))
  await writeFile(join(mine, 'server', 'store.db'), 'no database'.repeat(1000))
  const own = await serverFlags(mine)
  assert.match((await startServer(t, ...own).ended).stderr, /store.db is damaged \(.*\) and was put aside as .*store.db.corrupt-/)
  assert.match((await startServer(t, ...own).ended).stderr, /store.db was damaged and stands beside as .*: restore a backup in its place/)
  await rm(join(mine, 'server', 'store.db'), { force: true })
})
