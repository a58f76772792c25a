import assert from 'node:assert/strict'
import { test } from 'node:test'
import { definition, readDescriptions, resolve } from './definitions.ts'
import type { ObjectSchema, PropertySchema } from './object-schema.ts'

const property = (name: string, field: string): PropertySchema => {
  const found = definition(name)
  assert.equal(found.type, 'object')
  return (found as Extract<ObjectSchema, { type: 'object' }>).properties[field]!
}

const facts: { name: string; of: string; field: string; schema: PropertySchema }[] = [
  {
    name: 'containers meet by name',
    of: 'io.k8s.api.core.v1.PodSpec',
    field: 'containers',
    schema: {
      type: 'array',
      items: { type: 'ref', ref: 'io.k8s.api.core.v1.Container' },
      patchMergeKey: 'name',
      patchStrategy: ['merge'],
      listType: 'map',
      listMapKeys: ['name'],
    },
  },
  {
    name: 'limits are quantities',
    of: 'io.k8s.api.core.v1.ResourceRequirements',
    field: 'limits',
    schema: { type: 'map', values: { type: 'quantity' }, goType: 'v1.ResourceList', omitsZero: true },
  },
  {
    name: 'owner references meet by uid',
    of: 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta',
    field: 'ownerReferences',
    schema: {
      type: 'array',
      items: { type: 'ref', ref: 'io.k8s.apimachinery.pkg.apis.meta.v1.OwnerReference', mapType: 'atomic' },
      patchMergeKey: 'uid',
      patchStrategy: ['merge'],
      listType: 'map',
      listMapKeys: ['uid'],
      omitsZero: true,
    },
  },
  {
    name: 'a number by pointer counts when it is zero',
    of: 'io.k8s.api.apps.v1.DeploymentSpec',
    field: 'replicas',
    schema: { type: 'integer', format: 'int32' },
  },
  {
    name: 'a plain number says nothing when it is zero',
    of: 'io.k8s.api.apps.v1.DeploymentSpec',
    field: 'minReadySeconds',
    schema: { type: 'integer', format: 'int32', omitsZero: true },
  },
  {
    name: 'renew times have micro seconds',
    of: 'io.k8s.api.coordination.v1.LeaseSpec',
    field: 'renewTime',
    schema: { type: 'string', format: 'micro-time' },
  },
  {
    name: 'selectors are atomic',
    of: 'io.k8s.api.apps.v1.DeploymentSpec',
    field: 'selector',
    schema: { type: 'ref', ref: 'io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector', mapType: 'atomic' },
  },
]
for (const { name, of, field, schema } of facts) test(name, () => assert.deepEqual(property(of, field), schema))

test('references lead to their definition, and an unknown one says its name', () => {
  assert.equal(resolve({ type: 'ref', ref: 'io.k8s.api.core.v1.Pod' }), definition('io.k8s.api.core.v1.Pod'))
  assert.throws(() => definition('io.k8s.api.core.v1.Cat'), /there is no API definition io\.k8s\.api\.core\.v1\.Cat/)
})

test('every property that is described exists', () => {
  for (const [name, texts] of Object.entries(readDescriptions()))
    for (const field of Object.keys(texts)) if (field !== '') assert.ok(property(name, field), `${name}.${field}`)
})
