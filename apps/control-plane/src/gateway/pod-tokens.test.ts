import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { deflateRawSync } from 'node:zlib'
import type { KubeObject } from '@bramble/api/object'
import type { Pod } from '@bramble/api/types/pod'
import { pods } from '../resources/pod.ts'
import { serviceAccounts } from '../resources/service-account.ts'
import { harness, type PlayedNode, podGone, podStatus } from './gateway.fixture.ts'
import { turnOf } from './pod-tokens.ts'

const HOUR_MS = 3_600_000
const DEFAULT_PERIOD_MS = 0.8 * 24 * HOUR_MS

const tokenVolume = (name: string, source: object): object => ({
  name,
  projected: { sources: [{ serviceAccountToken: { path: 'token', ...source } }] },
})
const mounting = (...volumes: object[]): object => ({ serviceAccountName: 'robot', volumes })

const tokensOf = (node: PlayedNode, pod = 'default/web'): Readonly<Record<string, string>> | undefined =>
  (node.assigned!.objects.get(`PodToken ${pod}`) as (KubeObject & { data: Record<string, string> }) | undefined)?.data
const payload = (token: string): Record<string, unknown> =>
  JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString('utf8')) as Record<string, unknown>

async function withAccount(t: TestContext) {
  const h = await harness(t)
  await h.client.create(serviceAccounts, { metadata: { name: 'robot', namespace: 'default' } })
  return { ...h, node: await h.connect('pi-1'), h }
}

test('a node gets the tokens of its pods, one for each projected path, good for its audience and for as long as asked', async (t) => {
  const { h, node, pass, addPod } = await withAccount(t)
  const web = await addPod(
    'web',
    'pi-1',
    mounting(
      tokenVolume('api', { expirationSeconds: 3607 }),
      tokenVolume('vault', { audience: 'vault', expirationSeconds: 7200, path: 'a/b' }),
    ),
  )
  await addPod('other', 'pi-2', mounting(tokenVolume('api', {})))
  await pass(20)
  assert.deepEqual(node.assigned!.objects.get('PodToken default/web')?.metadata.uid, web.metadata.uid)
  assert.equal(tokensOf(node, 'default/other'), undefined)

  const { 'api/token': api, 'vault/a/b': vault, ...more } = tokensOf(node)!
  assert.deepEqual(more, {})
  const { user } = (await h.tokens.verify(api!))!
  assert.equal(user.name, 'system:serviceaccount:default:robot')
  assert.deepEqual(user.extra!['authentication.kubernetes.io/node-name'], ['pi-1'])
  assert.deepEqual(user.extra!['authentication.kubernetes.io/pod-uid'], [web.metadata.uid])
  assert.equal(await h.tokens.verify(vault!), undefined, 'meant for another audience')
  assert.ok(await h.tokens.verify(vault!, ['vault']))
  const lifeSeconds = ({ exp, iat }: Record<string, unknown>): number => (exp as number) - (iat as number)
  assert.deepEqual([lifeSeconds(payload(api!)), lifeSeconds(payload(vault!))], [86_400, 7_200])
})

test('a token is replaced before its end, by itself, and nothing else is sent', async (t) => {
  const { node, pass, addPod } = await withAccount(t)
  await addPod('web', 'pi-1', mounting(tokenVolume('api', { expirationSeconds: 600 })))
  await pass(20)
  const first = tokensOf(node)!['api/token']!
  node.messages.length = 0
  await pass(400_000)
  assert.deepEqual([tokensOf(node)!['api/token'], node.messages.length], [first, 0])
  await pass(150_000)
  assert.notEqual(tokensOf(node)!['api/token'], first)
  const [message] = node.messages
  assert.equal(node.messages.length, 1)
  assert.deepEqual(message?.type === 'incremental' && message.upserts.map(({ kind }) => kind), ['PodToken'])
})

test('a control plane that starts again sends no token again', async (t) => {
  const { h, node, pass, addPod } = await withAccount(t)
  await addPod('web', 'pi-1', mounting(tokenVolume('api', { expirationSeconds: 3607 })))
  await pass(20)
  const before = tokensOf(node)!
  await h.restart()
  const again = await h.connect('pi-1', node.assigned)
  assert.deepEqual(again.messages, [])
  assert.ok(await h.tokens.verify(before['api/token']!))
})

test('a node that was away for long finds new tokens', async (t) => {
  const { h, node, pass, addPod } = await withAccount(t)
  await addPod('web', 'pi-1', mounting(tokenVolume('api', { expirationSeconds: 3607 })))
  await pass(20)
  const before = tokensOf(node)!['api/token']!
  await node.session.close()
  await pass(26 * HOUR_MS)
  assert.equal(await h.tokens.verify(before), undefined)
  const back = await h.connect('pi-1', node.assigned)
  assert.ok(await h.tokens.verify(tokensOf(back)!['api/token']!))
})

test('without its account a pod has no token; with another of that name it has another', async (t) => {
  const { h, node, client, pass, addPod } = await withAccount(t)
  await addPod('web', 'pi-1', mounting(tokenVolume('api', {})))
  await pass(20)
  const first = tokensOf(node)!['api/token']!
  await client.delete(serviceAccounts, 'default/robot')
  await pass(20)
  assert.equal(tokensOf(node), undefined)
  await client.create(serviceAccounts, { metadata: { name: 'robot', namespace: 'default' } })
  await pass(20)
  assert.equal(await h.tokens.verify(first), undefined)
  assert.ok(await h.tokens.verify(tokensOf(node)!['api/token']!))
})

test('the token of a pod that ended or is gone is taken back, and worth nothing once it is gone', async (t) => {
  const { h, node, client, pass, addPod, report } = await withAccount(t)
  const [done, gone] = [
    await addPod('done', 'pi-1', mounting(tokenVolume('api', {}))),
    await addPod('gone', 'pi-1', mounting(tokenVolume('api', {}))),
  ]
  await pass(20)
  const token = tokensOf(node, 'default/gone')!['api/token']!
  assert.ok(await h.tokens.verify(token))
  await report(node, podStatus(done as Pod, { phase: 'Succeeded' }))
  await client.delete(pods, 'default/gone')
  await report(node, podGone(gone as Pod))
  await pass(20)
  assert.deepEqual([tokensOf(node, 'default/done'), tokensOf(node, 'default/gone')], [undefined, undefined])
  assert.equal(await h.tokens.verify(token), undefined)
})

test('turns follow each other without gaps, and pods made together do not change together', () => {
  const pod = (uid: string): Pod =>
    ({ metadata: { name: 'p', uid, resourceVersion: '', creationTimestamp: '2026-01-01T00:00:00Z' }, spec: { containers: [] } }) as Pod
  const startMs = Date.parse('2026-01-01T00:00:00Z')
  const ends = new Set<number>()
  for (let i = 0; i < 50; i++) {
    const first = turnOf(pod(`uid-${i}`), 86_400, startMs)
    assert.equal(first.number, 0)
    assert.ok(first.endsMs > startMs + 0.9 * DEFAULT_PERIOD_MS - 1 && first.endsMs <= startMs + DEFAULT_PERIOD_MS)
    assert.equal(turnOf(pod(`uid-${i}`), 86_400, first.endsMs - 1).number, 0)
    assert.equal(turnOf(pod(`uid-${i}`), 86_400, Math.ceil(first.endsMs)).number, 1)
    ends.add(first.endsMs)
  }
  assert.ok(ends.size > 45)
})

test('tokens cost the link some tens of kilobytes per pod and month', async (t) => {
  const { node, pass, addPod } = await withAccount(t)
  await addPod('web', 'pi-1', mounting(tokenVolume('api', { expirationSeconds: 3607 })))
  await pass(20)
  const bytes = deflateRawSync(JSON.stringify(node.assigned!.objects.get('PodToken default/web'))).length
  const perMonth = bytes * ((30 * 24 * HOUR_MS) / DEFAULT_PERIOD_MS)
  t.diagnostic(`${bytes} bytes per token, ${Math.round(perMonth)} bytes per pod and month`)
  assert.ok(perMonth < 64 * 1024)
})
