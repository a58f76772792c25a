import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seeded } from '@bramble/reconcile/sim/seeded'
import { envelope } from '../../apps/control-plane/src/http/protobuf/encode.fixture.ts'
import { anApi, type Api, APPLY_PATCH, JSON_PATCH, MERGE_PATCH, NS, type Sent, STRATEGIC_PATCH } from './bad-input.fixture.ts'
import { configMap, deployment, pod, service } from './row.ts'

// Whatever is sent, the answer is one that somebody thought of: never a 500, never a crash. A failure names its seed and what was sent.

type Random = () => number
const pick = <T>(random: Random, from: readonly T[]): T => from[Math.floor(random() * from.length)]!

const TARGETS = [
  { path: `${NS}/configmaps`, object: configMap('kept', { data: { a: '1' } }) },
  { path: `${NS}/secrets`, object: { metadata: { name: 'kept' }, type: 'Opaque', data: { a: 'MQ==' } } },
  {
    path: `${NS}/pods`,
    object: pod('kept', { nodeName: 'a', volumes: [{ name: 'v', emptyDir: {} }], tolerations: [{ key: 'k', operator: 'Exists' }] }),
  },
  { path: `${NS}/services`, object: service('kept', { type: 'NodePort' }) },
  { path: '/apis/apps/v1/namespaces/default/deployments', object: deployment('kept', { replicas: 2 }) },
  {
    path: '/api/v1/nodes',
    object: { metadata: { name: 'kept', labels: { a: 'b' } }, spec: { taints: [{ key: 'k', effect: 'NoSchedule' }] } },
  },
  { path: '/api/v1/namespaces', object: { metadata: { name: 'kept' } } },
] as const
const SUBRESOURCES = ['', '', '', '/status', '/scale', '/binding', '/eviction', '/log', '/finalize']
const VALUES: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -1,
  1.5,
  1e308,
  2 ** 53,
  '',
  'x',
  'kept',
  '\u0000',
  '\ud800',
  '💥',
  'x'.repeat(300),
  '2026-13-45T99:99:99Z',
  '-1Gi',
  '../..',
  [],
  {},
  [null],
  [[]],
  { $patch: 'delete' },
  { $patch: 'replace' },
  { $retainKeys: [1] },
  { metadata: null },
  [{ name: 'c' }],
  { a: { b: { c: [] } } },
]
const KEYS = [
  'metadata',
  'spec',
  'status',
  'data',
  'name',
  'labels',
  'annotations',
  'finalizers',
  'ownerReferences',
  'containers',
  '__proto__',
  'constructor',
  '',
  'x',
  '$patch',
  '$setElementOrder/containers',
  '$deleteFromPrimitiveList/finalizers',
  'apiVersion',
  'kind',
  'uid',
  'resourceVersion',
  'managedFields',
  'deletionTimestamp',
]

/** Something in it is replaced, removed or added; a few times. */
function mutate(random: Random, value: unknown): unknown {
  const copy = structuredClone(value)
  for (let times = 1 + Math.floor(random() * 3); times > 0; times--) {
    let at = copy as Record<string, unknown>
    for (let depth = Math.floor(random() * 6); depth > 0; depth--) {
      const inside = Object.values(at).filter((found) => typeof found === 'object' && found !== null)
      if (inside.length > 0) at = pick(random, inside) as Record<string, unknown>
    }
    const key = random() < 0.7 && Object.keys(at).length > 0 ? pick(random, Object.keys(at)) : pick(random, KEYS)
    if (random() < 0.15) delete at[key]
    else
      Object.defineProperty(at, key, { value: structuredClone(pick(random, VALUES)), enumerable: true, configurable: true, writable: true })
  }
  return copy
}

/** Bytes are cut, flipped or repeated. */
function spoil(random: Random, bytes: Buffer): Buffer {
  const at = Math.floor(random() * bytes.length)
  if (random() < 0.3) return bytes.subarray(0, at)
  if (random() < 0.3) return Buffer.concat([bytes.subarray(0, at), bytes])
  const spoilt = Buffer.from(bytes)
  for (let times = 1 + Math.floor(random() * 4); times > 0; times--)
    spoilt[Math.floor(random() * bytes.length)] = Math.floor(random() * 256)
  return spoilt
}

const textOf = (random: Random, value: unknown): string | Buffer => {
  const text = JSON.stringify(value)
  return random() < 0.25 ? spoil(random, Buffer.from(text)) : text
}

function aPatch(random: Random, object: object): unknown {
  if (random() < 0.5) return mutate(random, object)
  const path = (): string =>
    `/${Array.from({ length: 1 + Math.floor(random() * 4) }, () => pick(random, [...KEYS, '0', '-', '~0', '~2', '99'])).join('/')}`
  return Array.from({ length: 1 + Math.floor(random() * 4) }, () => ({
    op: pick(random, ['add', 'remove', 'replace', 'move', 'copy', 'test', 'x']),
    path: path(),
    from: path(),
    value: pick(random, VALUES),
  }))
}

const GARBAGE = 'abc-_./=!,() \t"\'{}[]%&in notin metadata.name 0123456789\u00e9\u0000'
const garbage = (random: Random): string => Array.from({ length: Math.floor(random() * 24) }, () => pick(random, [...GARBAGE])).join('')

const KINDS_OF_REQUEST: Readonly<Record<string, (random: Random) => Sent>> = {
  objects: (random) => {
    const { path, object } = pick(random, TARGETS)
    const isNew = random() < 0.5
    const body = textOf(random, mutate(random, isNew ? { ...object, metadata: { generateName: 'f-' } } : object))
    const headers = { 'content-type': pick(random, ['application/json', 'application/json', 'application/yaml']) }
    const query = `?dryRun=All&fieldValidation=${pick(random, ['Strict', 'Warn', 'Ignore'])}`
    return isNew
      ? { method: 'POST', path: path + query, body, headers }
      : { method: 'PUT', path: `${path}/kept${pick(random, SUBRESOURCES)}${query}`, body, headers }
  },
  patches: (random) => {
    const { path, object } = pick(random, TARGETS)
    const headers = { 'content-type': pick(random, [JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH, STRATEGIC_PATCH, APPLY_PATCH]) }
    return {
      method: 'PATCH',
      path: `${path}/kept${pick(random, SUBRESOURCES)}?dryRun=All&fieldManager=f`,
      body: textOf(random, aPatch(random, object)),
      headers,
    }
  },
  'lists and paths': (random) => {
    const { path } = pick(random, TARGETS)
    const parameter = pick(random, [
      'labelSelector',
      'fieldSelector',
      'limit',
      'continue',
      'resourceVersion',
      'resourceVersionMatch',
      'pretty',
      'includeObject',
      'tailLines',
      'sinceTime',
    ])
    const accept = pick(random, [
      'application/json',
      'application/json;as=Table;v=v1;g=meta.k8s.io',
      'application/yaml',
      '*/*',
      garbage(random).replace(/[^\x20-\x7e]/g, ''),
    ])
    const rest = random() < 0.2 ? `/${encodeURIComponent(garbage(random))}${pick(random, SUBRESOURCES)}` : ''
    return {
      method: pick(random, ['GET', 'GET', 'GET', 'HEAD', 'OPTIONS']),
      path: `${path}${rest}?${parameter}=${encodeURIComponent(garbage(random))}`,
      headers: { accept },
    }
  },
  protobuf: (random) => {
    const good = envelope('v1', 'ConfigMap', [
      [
        1,
        [
          [1, 'p'],
          [
            11,
            [
              [1, 'k'],
              [2, 'v'],
            ],
          ],
        ],
      ],
      [
        2,
        [
          [1, 'a'],
          [2, '1'],
        ],
      ],
    ])
    return {
      method: 'POST',
      path: `${NS}/configmaps?dryRun=All`,
      body: spoil(random, good),
      headers: { 'content-type': 'application/vnd.kubernetes.protobuf' },
    }
  },
  deletions: (random) => {
    const { path } = pick(random, TARGETS)
    const options = {
      gracePeriodSeconds: 0,
      propagationPolicy: 'Background',
      preconditions: { uid: 'x', resourceVersion: '1' },
      dryRun: ['All'],
      orphanDependents: null,
    }
    return { method: 'DELETE', path: `${path}/kept?dryRun=All`, body: textOf(random, mutate(random, options)) }
  },
}

async function send(api: Api, sent: Sent, hint: string): Promise<void> {
  const { code, json, text } = await api.send(sent)
  const what = `${hint}: ${sent.method} ${sent.path} ${JSON.stringify(sent.headers)} ${Buffer.isBuffer(sent.body) ? sent.body.toString('latin1') : sent.body} → ${text.slice(0, 500)}`
  assert.deepEqual(api.unforeseen, [], what)
  assert.notEqual(code, 500, what)
  if (code >= 400 && sent.method !== 'HEAD')
    assert.deepEqual([json?.kind, json?.code, typeof json?.message], ['Status', code, 'string'], what)
}

for (const [kind, request] of Object.entries(KINDS_OF_REQUEST))
  test(`500 ${kind} that were bent at random are answered, and change nothing`, async () => {
    const api = await anApi()
    for (const { path, object } of TARGETS) await api.must('POST', path, object)
    const revision = api.store.revision
    for (let seed = 1; seed <= 500; seed++) await send(api, request(seeded(seed)), `seed ${seed}`)
    assert.equal(api.store.revision, revision)
    assert.equal((await api.send({ method: 'GET', path: '/readyz' })).text, 'ok')
    assert.equal(({} as Record<string, unknown>)['polluted'], undefined)
  })
