import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import type { JsonObject, JsonValue } from '@bramble/api/object'
import fc from 'fast-check'
import { isObject } from '../schema/check.ts'
import { definition, resolve } from '../schema/definitions.ts'
import type { ObjectSchema, PropertySchema } from '../schema/object-schema.ts'
import { strategicMerge } from './strategic-merge.ts'

// A patch made as kubectl makes it leads from one object to the other.

type Fields = Record<string, JsonValue>

function diff(before: JsonObject, after: JsonObject, schema: ObjectSchema | undefined): Fields {
  const patch: Fields = {}
  for (const name of Object.keys(before)) if (!Object.hasOwn(after, name)) patch[name] = null
  for (const [name, value] of Object.entries(after)) {
    const old = before[name]
    if (isDeepStrictEqual(old, value)) continue
    const property = propertyOf(schema, name)
    if (Array.isArray(value) && Array.isArray(old) && property?.patchStrategy?.includes('merge'))
      Object.assign(patch, diffList(name, old as readonly JsonValue[], value as readonly JsonValue[], property))
    else if (isObject(value) && isObject(old)) patch[name] = retained(diff(old, value, property), value, property)
    else patch[name] = value!
  }
  return patch
}

const retained = (patch: Fields, after: JsonObject, property: PropertySchema | undefined): Fields =>
  property?.patchStrategy?.includes('retainKeys') ? { ...patch, $retainKeys: Object.keys(after) } : patch

function diffList(name: string, before: readonly JsonValue[], after: readonly JsonValue[], property: PropertySchema): Fields {
  const key = property.patchMergeKey
  if (key === undefined)
    return {
      [name]: after.filter((item) => !before.includes(item)),
      [`$deleteFromPrimitiveList/${name}`]: before.filter((item) => !after.includes(item)),
      [`$setElementOrder/${name}`]: after,
    }
  const keyOf = (item: JsonValue): JsonValue => (item as JsonObject)[key]!
  const found = resolve(property)
  const items = found.type === 'array' ? found.items : undefined
  const changed = after.flatMap((item): JsonValue[] => {
    const old = before.find((other) => keyOf(other) === keyOf(item)) as JsonObject | undefined
    if (isDeepStrictEqual(old, item)) return []
    if (!old) return [item]
    return [{ ...retained(diff(old, item as JsonObject, items), item as JsonObject, property), [key]: keyOf(item) }]
  })
  const gone = before.filter((item) => !after.some((other) => keyOf(other) === keyOf(item)))
  return {
    [name]: [...changed, ...gone.map((item) => ({ $patch: 'delete', [key]: keyOf(item) }))],
    [`$setElementOrder/${name}`]: after.map((item) => ({ [key]: keyOf(item) })),
  }
}

function propertyOf(schema: ObjectSchema | undefined, name: string): PropertySchema | undefined {
  const found = schema && resolve(schema)
  if (found?.type === 'map') return found.values
  return found?.type === 'object' && Object.hasOwn(found.properties, name) ? found.properties[name] : undefined
}

const name = fc.constantFrom('a', 'b', 'c')
const text = fc.constantFrom('1', '2')
const record = (fields: Record<string, fc.Arbitrary<unknown>>, requiredKeys: string[] = []): fc.Arbitrary<Record<string, unknown>> =>
  fc.record(fields, { requiredKeys, noNullPrototype: true })
const by = (key: string, item: fc.Arbitrary<Record<string, unknown>>): fc.Arbitrary<Record<string, unknown>[]> =>
  fc.uniqueArray(item, { maxLength: 3, selector: (one) => one[key] })
const aMap = fc.dictionary(name, text, { maxKeys: 2, noNullPrototype: true })

const container = record(
  {
    name,
    image: text,
    command: fc.array(text, { maxLength: 2 }),
    env: by('name', record({ name, value: text, valueFrom: record({ fieldRef: record({ fieldPath: text }) }) }, ['name'])),
    ports: by(
      'containerPort',
      record({ containerPort: fc.integer({ min: 1, max: 3 }), name: text, hostPort: fc.constant(1) }, ['containerPort']),
    ),
    resources: record({ limits: aMap }),
  },
  ['name'],
)
const volume = record({ name, emptyDir: record({ medium: text }), hostPath: record({ path: text }) }, ['name'])
const aPod = record(
  {
    metadata: record({ labels: aMap, finalizers: fc.uniqueArray(fc.constantFrom('x/1', 'x/2', 'x/3'), { maxLength: 3 }) }),
    spec: record({
      containers: by('name', container),
      volumes: by('name', volume),
      tolerations: fc.array(record({ key: text }), { maxLength: 2 }),
      nodeSelector: aMap,
      affinity: record({
        nodeAffinity: record({ requiredDuringSchedulingIgnoredDuringExecution: record({ nodeSelectorTerms: fc.constant([]) }) }),
      }),
      imagePullSecrets: by('name', record({ name }, ['name'])),
    }),
  },
  ['metadata', 'spec'],
) as fc.Arbitrary<JsonObject>
const aStrategy = record({ type: fc.constantFrom('Recreate', 'RollingUpdate'), rollingUpdate: record({ maxSurge: text }) })
const aDeployment = record({ spec: record({ strategy: aStrategy, replicas: fc.integer({ min: 0, max: 2 }) }) }, [
  'spec',
]) as fc.Arbitrary<JsonObject>

for (const [kind, objects] of [
  ['io.k8s.api.core.v1.Pod', aPod],
  ['io.k8s.api.apps.v1.Deployment', aDeployment],
] as const)
  test(`${kind}: the difference of two objects leads from one to the other, once and again`, () => {
    const schema = definition(kind)
    fc.assert(
      fc.property(objects, objects, (before, after) => {
        const patch = diff(before, after, schema)
        const merged = strategicMerge(before, patch, schema)
        assert.deepEqual(merged, after)
        assert.deepEqual(strategicMerge(merged, patch, schema), after)
      }),
      { seed: 5, numRuns: 500 },
    )
  })
