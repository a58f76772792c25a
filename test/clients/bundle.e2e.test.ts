import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { WebSocket } from 'ws'
import { ApiProgram } from './api-program.ts'
import { Wire } from './wire.ts'

// What users run is a bundle, in which parts are loaded on demand: each of them is asked for once.

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const NAMESPACE = '/api/v1/namespaces/default'
const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'

const crd = (rule: string): object => ({
  metadata: { name: 'pies.example.com' },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { plural: 'pies', kind: 'Pie' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: {
              spec: {
                type: 'object',
                properties: { fruit: { type: 'string', pattern: '^[a-z]+$', maxLength: 20 } },
                'x-kubernetes-validations': [{ rule }],
              },
            },
          },
        },
      },
    ],
  },
})

describe('the bundled control plane', () => {
  let bundles: string
  let program: ApiProgram
  let wire: Wire

  before(async () => {
    bundles = await mkdtemp(join(tmpdir(), 'bramble-bundles-'))
    const built = spawnSync(process.execPath, ['tools/bundle.ts', bundles], { cwd: ROOT, encoding: 'utf8' })
    assert.equal(built.status, 0, built.stderr)
    program = await ApiProgram.make(join(bundles, 'control-plane/main.js'))
    await program.start()
    wire = await Wire.open(program.kubeconfig)
  })
  after(async () => {
    wire?.close()
    await program?.remove()
    await rm(bundles, { recursive: true, force: true })
  })

  it('reads YAML that is applied, and answers in YAML', async () => {
    const applied = await wire.send({
      method: 'PATCH',
      path: `${NAMESPACE}/configmaps/jam?fieldManager=anna`,
      headers: { 'content-type': 'application/apply-patch+yaml', accept: 'application/yaml' },
      body: Buffer.from('apiVersion: v1\nkind: ConfigMap\nmetadata: {name: jam}\ndata: {fruit: raspberry}\n'),
    })
    assert.equal(applied.code, 201, applied.text)
    assert.match(applied.text, /^data:\n {2}fruit: raspberry$/m)
  })

  it('signs and knows tokens of ServiceAccounts', async () => {
    const accounts = `${NAMESPACE}/serviceaccounts`
    await wire.must({ method: 'POST', path: accounts, body: { metadata: { name: 'anna' } } })
    const { status } = await wire.must({ method: 'POST', path: `${accounts}/anna/token`, body: { spec: {} } })
    const reviews = '/apis/authentication.k8s.io/v1/tokenreviews'
    const reviewed = await wire.must({ method: 'POST', path: reviews, body: { spec: { token: status.token } } })
    assert.equal(reviewed.status.user?.username, 'system:serviceaccount:default:anna', JSON.stringify(reviewed.status))
  })

  it('holds objects of own kinds against patterns and rules', async () => {
    await wire.must({ method: 'POST', path: CRDS, body: crd("self.fruit != 'lemon'") })
    const { events } = await wire.watch(`${CRDS}?watch=true&fieldSelector=metadata.name%3Dpies.example.com&timeoutSeconds=20`)
    for await (const { object } of events)
      if (object.status?.conditions?.some(({ type, status }: Record<string, string>) => type === 'Established' && status === 'True')) break
    const post = (fruit: string) =>
      wire.send({
        method: 'POST',
        path: '/apis/example.com/v1/namespaces/default/pies',
        body: { apiVersion: 'example.com/v1', kind: 'Pie', metadata: { name: fruit.toLowerCase() }, spec: { fruit } },
      })
    assert.equal((await post('apple')).code, 201)
    assert.match((await post('LIME')).json.message, /should match '\^\[a-z\]\+\$'/)
    assert.match((await post('lemon')).json.message, /failed rule: self.fruit != 'lemon'/)
  })

  it('builds its OpenAPI documents, own kinds among them', async () => {
    const { paths } = await wire.must({ path: '/openapi/v3' })
    const document = await wire.must({ path: paths['apis/example.com/v1'].serverRelativeURL })
    assert.ok(Object.keys(document.components.schemas).some((name) => name.endsWith('.Pie')))
    const accept = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf'
    assert.equal((await wire.send({ path: '/openapi/v2', headers: { accept } })).code, 200)
  })

  it('names its OpenAPI documents by a builder that names all it is made of', async () => {
    const builder = await readFile(join(bundles, 'control-plane/document-builder.js'), 'utf8')
    const parts = await readdir(join(bundles, 'control-plane/parts'))
    const imported = [...builder.matchAll(/["']\.\/parts\/([\w.-]+)["']/g)].map(([, part]) => part!)
    assert.ok(imported.length > 0, builder.slice(0, 300))
    for (const part of imported) {
      assert.match(part, /-[A-Z0-9]{8}\.js$/)
      assert.ok(parts.includes(part))
    }
  })

  it('tells events over a WebSocket', async () => {
    const { host } = wire.server
    const { ca, cert, key } = wire.credentials
    const path = `${NAMESPACE}/configmaps?watch=1&fieldSelector=metadata.name%3Djam`
    const socket = new WebSocket(`wss://${host}${path}`, { ca, cert, key, origin: 'https://headlamp.example' } as object)
    const [message] = await once(socket, 'message')
    socket.terminate()
    assert.equal(JSON.parse(String(message)).object.metadata.name, 'jam')
  })

  it('reads protobuf', async () => {
    const review = { apiVersion: 'v1', kind: 'Namespace', name: 'berries' }
    const metadata = Buffer.from([0x0a, review.name.length, ...Buffer.from(review.name)])
    const raw = Buffer.from([0x0a, metadata.length, ...metadata])
    const text = (number: number, value: string): number[] => [(number << 3) | 2, value.length, ...Buffer.from(value)]
    const typeMeta = [...text(1, review.apiVersion), ...text(2, review.kind)]
    const body = Buffer.from([...Buffer.from('k8s\0'), 0x0a, typeMeta.length, ...typeMeta, 0x12, raw.length, ...raw])
    assert.equal((await wire.send({ method: 'POST', path: '/api/v1/namespaces', body })).code, 201)
  })
})
