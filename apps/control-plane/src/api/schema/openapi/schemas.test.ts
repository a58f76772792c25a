import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject } from '@bramble/api/object'
import { allResources } from '../../../resources/all.ts'
import { readDescriptions, readFieldValues } from '../definitions.ts'
import { type DocumentedKind, documentedKind } from './documented-kind.ts'
import { type OpenApiVersion, schemasOf } from './schemas.ts'

const TEXTS = { descriptions: readDescriptions(), values: readFieldValues() }
const KINDS = allResources.map(documentedKind)
const written = { v2: schemasOf(KINDS, 'v2', TEXTS), v3: schemasOf(KINDS, 'v3', TEXTS) }
type Schema = JsonObject & { readonly properties: Record<string, JsonObject> }
const schema = (name: string, version: OpenApiVersion = 'v3'): Schema => written[version][name] as Schema

for (const version of ['v2', 'v3'] as const) {
  test(`${version}: every reference leads somewhere`, () => {
    const references = [...JSON.stringify(written[version]).matchAll(/"\$ref":"#\/(?:definitions|components\/schemas)\/([^"]+)"/g)]
    assert.ok(references.length > 500)
    for (const [, name] of references) assert.ok(schema(name!, version), name)
  })

  test(`${version}: every kind is found by its name, and so is its list`, () => {
    const told = Object.values(written[version]).flatMap(
      (each) => ((each as JsonObject)['x-kubernetes-group-version-kind'] as JsonObject[] | undefined) ?? [],
    )
    const names = new Set(told.map(({ group, version: in_, kind }) => `${group}/${in_}/${kind}`))
    for (const { group, version: in_, kind, listKind, verbs } of KINDS) {
      assert.ok(names.has(`${group}/${in_}/${kind}`), kind)
      if (verbs.includes('list')) assert.ok(names.has(`${group}/${in_}/${listKind}`), listKind)
    }
    assert.ok(names.has('/v1/Status') && names.has('/v1/DeleteOptions') && names.has('apps/v1/WatchEvent'))
  })
}

const POD_SPEC = 'io.k8s.api.core.v1.PodSpec'
// biome-ignore format: a table
const properties: readonly (readonly [what: string, of: string, field: string, version: OpenApiVersion, schema: JsonObject])[] = [
  ['lists with their keys', POD_SPEC, 'containers', 'v3', {
    type: 'array', items: { allOf: [{ $ref: '#/components/schemas/io.k8s.api.core.v1.Container' }] },
    'x-kubernetes-patch-merge-key': 'name', 'x-kubernetes-patch-strategy': 'merge', 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'],
  }],
  ['references of version 2', POD_SPEC, 'affinity', 'v2', { $ref: '#/definitions/io.k8s.api.core.v1.Affinity' }],
  ['references of version 3', POD_SPEC, 'affinity', 'v3', { allOf: [{ $ref: '#/components/schemas/io.k8s.api.core.v1.Affinity' }] }],
  ['values that are named', POD_SPEC, 'restartPolicy', 'v3', { type: 'string', enum: ['Always', 'Never', 'OnFailure'] }],
  ['no values in version 2', POD_SPEC, 'restartPolicy', 'v2', { type: 'string' }],
  ['values of list elements', 'io.k8s.api.networking.v1.NetworkPolicySpec', 'policyTypes', 'v3', { type: 'array', items: { type: 'string', enum: ['Egress', 'Ingress'] }, 'x-kubernetes-list-type': 'atomic' }],
  ['defaults', 'io.k8s.api.core.v1.ServicePort', 'protocol', 'v3', { type: 'string', enum: ['SCTP', 'TCP', 'UDP'], default: 'TCP' }],
  ['quantities', 'io.k8s.api.core.v1.ResourceRequirements', 'limits', 'v3', { type: 'object', additionalProperties: { allOf: [{ $ref: '#/components/schemas/io.k8s.apimachinery.pkg.api.resource.Quantity' }] } }],
  ['ports by number or name', 'io.k8s.api.core.v1.ServicePort', 'targetPort', 'v2', { $ref: '#/definitions/io.k8s.apimachinery.pkg.util.intstr.IntOrString' }],
  ['times', 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta', 'creationTimestamp', 'v2', { $ref: '#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.Time' }],
  ['bytes', 'io.k8s.api.core.v1.Secret', 'data', 'v3', { type: 'object', additionalProperties: { type: 'string', format: 'byte' } }],
  ['objects of any kind', 'io.k8s.api.apps.v1.ControllerRevision', 'data', 'v2', { $ref: '#/definitions/io.k8s.apimachinery.pkg.runtime.RawExtension' }],
  ['schemas in schemas', 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps', 'items', 'v2', { $ref: '#/definitions/io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrArray' }],
]
for (const [what, of, field, version, expected] of properties)
  test(`${version} tells ${what}`, () => {
    const { description: _description, ...found } = schema(of, version).properties[field]!
    assert.deepEqual(found, expected)
  })

test('fields are described, those of named values with what they may be', () => {
  assert.match(
    String(schema(POD_SPEC).properties['restartPolicy']!['description']),
    /^Restart policy for all containers[\s\S]*Possible enum values:\n - `"Always"`\n/,
  )
  assert.deepEqual(schema(POD_SPEC)['required'], ['containers'])
})

test('a field without a text of its own has that of its type', () => {
  assert.equal(schema('io.k8s.api.core.v1.Pod').properties['spec']!['description'], 'PodSpec is a description of a pod.')
})

test('types of one value are said in the words of each version', () => {
  const quantity = 'io.k8s.apimachinery.pkg.api.resource.Quantity'
  assert.deepEqual(schema(quantity, 'v3')['oneOf'], [{ type: 'string' }, { type: 'number' }])
  assert.equal(schema(quantity, 'v2')['type'], 'string')
})

const WIDGET: DocumentedKind = {
  group: 'example.com',
  version: 'v1',
  kind: 'Widget',
  listKind: 'WidgetList',
  plural: 'widgets',
  isNamespaced: true,
  verbs: ['list', 'patch'],
  subresources: [],
  definition: 'com.example.v1.Widget',
  openapi: {
    type: 'object',
    properties: {
      metadata: { description: 'Metadata.', $ref: '#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta' },
      spec: {
        type: 'object',
        required: ['size'],
        properties: {
          size: { 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }, { type: 'string' }] },
          nullable: { type: 'string', nullable: true, description: 'A field by the name of a word.' },
          open: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true, properties: { a: { type: 'string' } } },
          type: { type: 'string', default: { oneOf: 1 }, enum: ['a', 'b'] },
        },
      },
    },
  },
}

test('a custom kind is told as it is in version 3, with what it refers to', () => {
  const schemas = schemasOf([WIDGET], 'v3', TEXTS) as Record<string, Schema>
  const widget = schemas['com.example.v1.Widget']!
  assert.deepEqual(widget['x-kubernetes-group-version-kind'], [{ group: 'example.com', kind: 'Widget', version: 'v1' }])
  assert.deepEqual(widget.properties['spec'], WIDGET.openapi!['properties']!['spec' as never])
  assert.deepEqual(widget.properties['metadata'], {
    description: 'Metadata.',
    allOf: [{ $ref: '#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta' }],
  })
  assert.ok(schemas['io.k8s.apimachinery.pkg.apis.meta.v1.OwnerReference'] && schemas['com.example.v1.WidgetList'])
})

test('in version 2 it is left open what has no words there', () => {
  const { properties } = (schemasOf([WIDGET], 'v2', TEXTS)['com.example.v1.Widget'] as Schema).properties['spec'] as Schema
  assert.deepEqual(properties, {
    size: {},
    nullable: { description: 'A field by the name of a word.' },
    open: {},
    type: { type: 'string', default: { oneOf: 1 }, enum: ['a', 'b'] },
  })
})
