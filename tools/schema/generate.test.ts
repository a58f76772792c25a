import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { generate } from '../generate.ts'
import { buildDefinitions } from './build-definitions.ts'
import { type Model, readModel } from './read-model.ts'
import type { Tables } from './tables.ts'

test('generates once, then only when something changed', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'bramble-generate-'))
  t.after(() => rmSync(folder, { recursive: true }))
  assert.equal(generate(folder), true)
  const first = statSync(join(folder, 'definitions.json')).mtimeMs
  assert.equal(generate(folder), false)
  assert.equal(statSync(join(folder, 'definitions.json')).mtimeMs, first)
  writeFileSync(join(folder, 'inputs.sha256'), 'other')
  assert.equal(generate(folder), true)
  const { 'io.k8s.api.core.v1.Pod': pod } = JSON.parse(readFileSync(join(folder, 'descriptions.json'), 'utf8')) as Record<
    string,
    Record<string, string>
  >
  assert.match(pod!['']!, /^Pod is a collection of containers/)
  assert.match(pod!['kind']!, /^Kind is a string value representing the REST resource/)
})

test('reads a model as text: JSON names, types, what is optional, descriptions', () => {
  const script =
    'V1Thing.attributeTypeMap = [\n    {\n "name": "_default", "baseName": "default", "type": "string", "format": "" },\n { "name": "size", "baseName": "size", "type": "number", "format": "int32" }\n];'
  const declaration =
    "/**\n* It\\'s a thing.\n*/\nexport declare class V1Thing {\n    /**\n    * The \\\"default\\\".\n    */\n    '_default'?: string;\n    'size': number;\n    static readonly x: string;\n}"
  assert.deepEqual(readModel('V1Thing', script, declaration), {
    description: "It's a thing.",
    attributes: [
      { name: 'default', type: 'string', format: '', required: false, description: 'The "default".' },
      { name: 'size', type: 'number', format: 'int32', required: true },
    ],
  })
  assert.throws(() => readModel('V1Thing', '', declaration), /V1Thing\.js has no attribute map/)
})

const attribute = (name: string, type: string, format = '', required = false): Model['attributes'][number] => ({
  name,
  type,
  format,
  required,
})
const MODELS: Record<string, Model> = {
  V1Pod: { attributes: [attribute('apiVersion', 'string'), attribute('kind', 'string'), attribute('spec', 'V1PodSpec', '', true)] },
  V1PodList: {
    attributes: [
      attribute('apiVersion', 'string'),
      attribute('kind', 'string'),
      attribute('items', 'Array<V1Pod>'),
      attribute('metadata', 'any'),
    ],
  },
  V1PodSpec: {
    attributes: [
      attribute('ports', 'Array<V1Port>'),
      attribute('limits', '{ [key: string]: string; }'),
      attribute('since', 'V1MicroTime', 'date-time-micro'),
      attribute('data', '{ [key: string]: string; }', 'byte'),
      attribute('port', 'IntOrString', 'int-or-string'),
      attribute('users', 'Array<number>', 'int64'),
      attribute('owner', 'CoreV1Owner'),
    ],
  },
  V1Port: { attributes: [attribute('number', 'number', 'int32', true)] },
  CoreV1Owner: { attributes: [] },
  V1Unused: { attributes: [] },
}
const tables: Tables = {
  packages: new Map([['io.k8s.api.core.v1', ['Pod', 'PodList', 'PodSpec', 'Port', 'Owner', 'Unused']]]),
  keys: new Map([
    ['io.k8s.api.core.v1.PodSpec ports', { patchMergeKey: 'number', patchStrategy: ['merge'], listType: 'map', listMapKeys: ['number'] }],
    ['io.k8s.api.core.v1.Owner (type)', { mapType: 'atomic' }],
  ]),
  quantities: new Set(['io.k8s.api.core.v1.PodSpec limits']),
  facts: new Map([
    ['io.k8s.api.core.v1.PodSpec limits', { goType: 'v1.ResourceList' }],
    ['io.k8s.api.core.v1.Port number', { enum: ['1', '2'], default: 1 }],
    ['io.k8s.api.core.v1.Unused number', { default: 1 }],
  ]),
  omitsZero: (_definition, field) => ['ports', 'since', 'port'].includes(field),
}

test('builds what kinds reach, with keys, quantities and formats; lists and the unreached are left out', () => {
  const { schemas, values } = buildDefinitions(tables, (name) => MODELS[name])
  assert.deepEqual(
    Object.keys(schemas),
    ['Owner', 'Pod', 'PodSpec', 'Port'].map((name) => `io.k8s.api.core.v1.${name}`),
  )
  assert.deepEqual(schemas['io.k8s.api.core.v1.PodSpec'], {
    type: 'object',
    properties: {
      ports: {
        type: 'array',
        items: { type: 'ref', ref: 'io.k8s.api.core.v1.Port' },
        patchMergeKey: 'number',
        patchStrategy: ['merge'],
        listType: 'map',
        listMapKeys: ['number'],
        omitsZero: true,
      },
      limits: { type: 'map', values: { type: 'quantity' }, goType: 'v1.ResourceList' },
      since: { type: 'string', format: 'micro-time' },
      data: { type: 'map', values: { type: 'string', format: 'byte' } },
      port: { type: 'int-or-string' },
      users: { type: 'array', items: { type: 'integer', format: 'int64' } },
      owner: { type: 'ref', ref: 'io.k8s.api.core.v1.Owner', mapType: 'atomic' },
    },
  })
  assert.deepEqual(schemas['io.k8s.api.core.v1.Port'], {
    type: 'object',
    properties: { number: { type: 'integer', format: 'int32' } },
    required: ['number'],
  })
  assert.deepEqual(values, { 'io.k8s.api.core.v1.Port': { number: { enum: ['1', '2'], default: 1 } } })
})

test('says which table is wrong when library and tables differ', () => {
  const { V1Port: _port, ...models } = MODELS
  assert.throws(
    () => buildDefinitions(tables, (name) => models[name]),
    /no class for io\.k8s\.api\.core\.v1\.Port: tools\/schema\/definition-names\.tsv and @kubernetes\/client-node differ/,
  )
  const packages = new Map([['io.k8s.api.core.v1', ['Pod', 'PodSpec']]])
  assert.throws(
    () => buildDefinitions({ ...tables, packages }, (name) => MODELS[name]),
    /V1PodSpec refers to V1Port, which tools\/schema\/definition-names\.tsv does not list/,
  )
})
