import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { testApi } from '../http.fixture.ts'

const NS = '/api/v1/namespaces/default'
const BUDGETS = '/apis/policy/v1/namespaces/default/poddisruptionbudgets'
const READY = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] }

/** Two ready pods on a node and a budget with the given status. */
async function cluster(t: TestContext, status: object | undefined) {
  const api = await testApi()
  t.after(() => api.store.close())
  const { call } = api
  await call('POST', '/api/v1/namespaces', { metadata: { name: 'default' } })
  for (const name of ['a', 'b']) {
    await call('POST', `${NS}/pods`, {
      metadata: { name, labels: { app: 'web' } },
      spec: { nodeName: 'n1', containers: [{ name: 'app', image: 'a:1' }] },
    })
    await call('PATCH', `${NS}/pods/${name}/status`, { status: READY }, { 'content-type': 'application/merge-patch+json' })
  }
  const budget = { metadata: { name: 'web' }, spec: { minAvailable: 1, selector: { matchLabels: { app: 'web' } } } }
  if (status) {
    await call('POST', BUDGETS, budget)
    await call('PATCH', `${BUDGETS}/web/status`, { status }, { 'content-type': 'application/merge-patch+json' })
  }
  const evict = (name: string, body: object = {}, query = '') =>
    call('POST', `${NS}/pods/${name}/eviction${query}`, { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name }, ...body })
  const budgetStatus = async () => (await call('GET', `${BUDGETS}/web`)).json.status
  const pod = async (name: string) => (await call('GET', `${NS}/pods/${name}`)).json
  return { ...api, evict, budgetStatus, pod }
}
const counted = (disruptionsAllowed: number) => ({
  observedGeneration: 1,
  disruptionsAllowed,
  currentHealthy: 2,
  desiredHealthy: 1,
  expectedPods: 2,
})

test('an eviction takes one from the budget and ends the pod in an orderly way', async (t) => {
  const { evict, budgetStatus, pod } = await cluster(t, counted(1))
  const answer = await evict('a')
  assert.deepEqual([answer.status, answer.json.status], [201, 'Success'])
  const { disruptionsAllowed, disruptedPods, conditions } = await budgetStatus()
  assert.deepEqual([disruptionsAllowed, Object.keys(disruptedPods), conditions[0].reason], [0, ['a'], 'InsufficientPods'])
  const { metadata, status } = await pod('a')
  assert.equal(metadata.deletionGracePeriodSeconds, 30)
  assert.deepEqual(status.conditions.find(({ type }: { type: string }) => type === 'DisruptionTarget').reason, 'EvictionByEvictionAPI')
})

test('the next one is refused until the budget allows more', async (t) => {
  const { evict, pod } = await cluster(t, counted(1))
  await evict('a')
  const { status, json } = await evict('b')
  assert.deepEqual(
    [status, json.reason, json.message],
    [429, 'TooManyRequests', "Cannot evict pod as it would violate the pod's disruption budget."],
  )
  assert.deepEqual(json.details.causes, [
    { reason: 'DisruptionBudget', message: 'The disruption budget web needs 1 healthy pods and has 2 currently' },
  ])
  assert.equal((await pod('b')).metadata.deletionTimestamp, undefined)
})

test('evicting what is leaving costs nothing', async (t) => {
  const { evict, budgetStatus } = await cluster(t, counted(2))
  await evict('a')
  assert.equal((await evict('a')).status, 201)
  assert.equal((await budgetStatus()).disruptionsAllowed, 1)
})

test('a budget that nobody has looked at yet lets nothing go, and says when to ask again', async (t) => {
  const { evict } = await cluster(t, {})
  const { status, headers, json } = await evict('a')
  assert.deepEqual([status, headers.get('retry-after'), json.details.retryAfterSeconds], [429, '10', 10])
})

for (const [name, body, query] of [
  ['in the body', { deleteOptions: { dryRun: ['All'] } }, ''],
  ['in the query', {}, '?dryRun=All'],
] as const)
  test(`a dry run ${name} changes neither pod nor budget`, async (t) => {
    const { evict, budgetStatus, pod } = await cluster(t, counted(1))
    const before = await pod('a')
    assert.equal((await evict('a', body, query)).status, 201)
    assert.deepEqual(await pod('a'), before)
    assert.equal((await budgetStatus()).disruptionsAllowed, 1)
  })

test('what the deletion is refused for costs the budget nothing', async (t) => {
  const { evict, budgetStatus } = await cluster(t, counted(1))
  const { status } = await evict('a', { deleteOptions: { preconditions: { uid: 'another' } } })
  assert.equal(status, 409)
  assert.equal((await budgetStatus()).disruptionsAllowed, 1)
})

test('without a budget, and with another grace', async (t) => {
  const { evict, pod } = await cluster(t, undefined)
  assert.equal((await evict('a', { deleteOptions: { gracePeriodSeconds: 5 } })).status, 201)
  assert.equal((await pod('a')).metadata.deletionGracePeriodSeconds, 5)
})

test('two evictions at once do not spend the same disruption', async (t) => {
  const { evict } = await cluster(t, counted(1))
  const answers = await Promise.all([evict('a'), evict('b')])
  assert.deepEqual(answers.map(({ status }) => status).sort(), [201, 429])
})

test('an eviction for another pod than that of its path', async (t) => {
  const { call } = await cluster(t, undefined)
  const { status, json } = await call('POST', `${NS}/pods/a/eviction`, { metadata: { name: 'b' } })
  assert.deepEqual([status, json.message], [400, 'name in URL does not match name in Eviction object'])
})
