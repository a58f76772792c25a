import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject } from '@bramble/api/object'
import { seeded } from '@bramble/reconcile/sim/seeded'
import type { ResourceDefinition } from '../../apps/control-plane/src/api/resource.ts'
import { groupVersionOf } from '../../apps/control-plane/src/api/resource.ts'
import { anyValue } from '../../apps/control-plane/src/api/schema/any-value.fixture.ts'
import { anApi, type Api, APPLY_PATCH, JSON_PATCH, MERGE_PATCH, type Sent, STRATEGIC_PATCH } from './bad-input.fixture.ts'

// Every kind that is served, through every verb, with bodies that its schema lets through: never a 500, never a crash.

const ROUNDS = 12
const TABLE = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' }

const pathOf = (resource: ResourceDefinition): string =>
  `${resource.group === '' ? '/api' : '/apis'}/${groupVersionOf(resource)}${resource.scope === 'Namespaced' ? '/namespaces/default' : ''}/${resource.plural}`

function body(resource: ResourceDefinition, random: () => number, name: string): JsonObject {
  const { metadata: _metadata, apiVersion: _version, kind: _kind, ...rest } = anyValue(resource.schema, random) as JsonObject
  return { apiVersion: groupVersionOf(resource), kind: resource.kind, metadata: { name, labels: { a: 'b' } }, ...rest }
}

/** What is done to one object of the kind: it is made, changed in every way, read, and deleted. */
function requests(resource: ResourceDefinition, seed: number): readonly Sent[] {
  const random = seeded(seed)
  const name = `f${seed}`
  const path = pathOf(resource)
  const parts = [
    ...(resource.subresources?.status ? ['/status'] : []),
    ...(resource.subresources?.scale ? ['/scale'] : []),
    ...(resource.subresources?.named ?? []).map((named) => `/${named.name}`),
  ]
  const change = (type: string): object =>
    body(resource, random, name) && { ...body(resource, random, name), ...(type === MERGE_PATCH && { spec: null }) }
  const patch = (to: string, type: string): Sent => ({
    method: 'PATCH',
    path: `${path}/${name}${to}?fieldManager=f${type === APPLY_PATCH && random() < 0.5 ? '&force=true' : ''}`,
    body:
      type === JSON_PATCH
        ? Object.entries(body(resource, random, name)).map(([key, value]) => ({ op: 'add', path: `/${key}`, value }))
        : change(type),
    headers: { 'content-type': type },
  })
  const written = ['', ...parts].flatMap((part): Sent[] => [
    { method: 'PUT', path: `${path}/${name}${part}`, body: body(resource, random, name) },
    ...[STRATEGIC_PATCH, MERGE_PATCH, JSON_PATCH, APPLY_PATCH].map((type) => patch(part, type)),
    { method: 'POST', path: `${path}/${name}${part}`, body: body(resource, random, name) },
  ])
  return [
    { method: 'POST', path: `${path}?fieldValidation=Strict`, body: body(resource, random, name) },
    patch('', APPLY_PATCH),
    ...written,
    { method: 'GET', path, headers: TABLE },
    { method: 'GET', path: `${path}/${name}`, headers: { accept: 'application/yaml' } },
    { method: 'DELETE', path: `${path}/${name}?propagationPolicy=Foreground` },
    { method: 'DELETE', path: `${path}?labelSelector=a%3Db` },
  ]
}

async function check(api: Api, sent: Sent, hint: string): Promise<void> {
  const { code, json, text } = await api.send(sent)
  const what = (): string => `${hint}: ${sent.method} ${sent.path} ${JSON.stringify(sent.body)} → ${code} ${text.slice(0, 600)}`
  assert.deepEqual(api.unforeseen, [], what())
  assert.notEqual(code, 500, what())
  if (code >= 400) assert.deepEqual([json?.kind, json?.code, typeof json?.message], ['Status', code, 'string'], what())
}

test('every kind answers whatever its schema lets through, in every verb', async (t) => {
  const api = await anApi()
  for (const resource of api.registry.all())
    await t.test(`${groupVersionOf(resource)}/${resource.plural}`, async () => {
      for (let seed = 1; seed <= ROUNDS; seed++) for (const sent of requests(resource, seed)) await check(api, sent, `seed ${seed}`)
    })
  assert.equal((await api.send({ method: 'GET', path: '/readyz' })).text, 'ok')
})
