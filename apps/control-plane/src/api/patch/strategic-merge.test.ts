import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject } from '@bramble/api/object'
import { seeded } from '@bramble/reconcile/sim/seeded'
import { definition } from '../schema/definitions.ts'
import { inOrder } from './element-order.ts'
import { strategicMerge } from './strategic-merge.ts'

const POD_SPEC = 'io.k8s.api.core.v1.PodSpec'
interface Case {
  name: string
  schema?: string
  target: JsonObject
  patch: JsonObject
  result: JsonObject
}

const cases: Case[] = [
  {
    name: 'list items meet by their merge key; new ones go to the end',
    target: {
      containers: [
        { name: 'a', image: 'x:1' },
        { name: 'b', image: 'y:1' },
      ],
    },
    patch: {
      containers: [
        { name: 'b', image: 'y:2' },
        { name: 'c', image: 'z:1' },
      ],
    },
    result: {
      containers: [
        { name: 'a', image: 'x:1' },
        { name: 'b', image: 'y:2' },
        { name: 'c', image: 'z:1' },
      ],
    },
  },
  {
    name: 'what is new stands in front of what the patch does not name',
    target: { containers: [{ name: 'a' }] },
    patch: { containers: [{ name: 'b' }] },
    result: { containers: [{ name: 'b' }, { name: 'a' }] },
  },
  {
    name: 'of items with one key the first is merged, and all are deleted',
    target: {
      containers: [{ name: 'a', image: '1' }, { name: 'a', image: '2' }, { name: 'b' }, { name: 'b' }],
    },
    patch: {
      containers: [
        { name: 'a', image: '3' },
        { name: 'b', $patch: 'delete' },
      ],
    },
    result: {
      containers: [
        { name: 'a', image: '3' },
        { name: 'a', image: '2' },
      ],
    },
  },
  {
    name: 'a list that is new is taken as it is, without what it deletes',
    target: {},
    patch: {
      containers: [
        {
          name: 'a',
          ports: [
            { containerPort: 53, protocol: 'TCP' },
            { containerPort: 53, protocol: 'UDP' },
          ],
        },
        { name: 'b', $patch: 'delete' },
      ],
    },
    result: {
      containers: [
        {
          name: 'a',
          ports: [
            { containerPort: 53, protocol: 'TCP' },
            { containerPort: 53, protocol: 'UDP' },
          ],
        },
      ],
    },
  },
  {
    name: 'constructor is a name like others',
    target: {},
    patch: { nodeSelector: { constructor: 'x' } },
    result: { nodeSelector: { constructor: 'x' } },
  },
  {
    name: 'lists within list items merge by their own key',
    target: { containers: [{ name: 'a', ports: [{ containerPort: 80, name: 'web' }], env: [{ name: 'A', value: '1' }] }] },
    patch: {
      containers: [{ name: 'a', ports: [{ containerPort: 81 }, { containerPort: 80, hostPort: 8080 }], env: [{ name: 'A', value: '2' }] }],
    },
    result: {
      containers: [
        { name: 'a', ports: [{ containerPort: 81 }, { containerPort: 80, name: 'web', hostPort: 8080 }], env: [{ name: 'A', value: '2' }] },
      ],
    },
  },
  {
    name: 'null deletes a field, and is nothing where none is',
    target: { nodeName: 'pi-1', nodeSelector: { a: '1', b: '2' } },
    patch: { nodeName: null, hostname: null, nodeSelector: { b: null } },
    result: { nodeSelector: { a: '1' } },
  },
  {
    name: 'a list without merge key is replaced',
    target: { tolerations: [{ key: 'a' }], containers: [{ name: 'a', command: ['x', 'y'] }] },
    patch: { tolerations: [{ key: 'b' }], containers: [{ name: 'a', command: ['z'] }] },
    result: { tolerations: [{ key: 'b' }], containers: [{ name: 'a', command: ['z'] }] },
  },
  {
    name: '$patch: delete removes the item with that key',
    target: { containers: [{ name: 'a' }, { name: 'b' }] },
    patch: {
      containers: [
        { name: 'a', $patch: 'delete' },
        { name: 'gone', $patch: 'delete' },
      ],
    },
    result: { containers: [{ name: 'b' }] },
  },
  {
    name: '$patch: replace in a list replaces the list',
    target: { containers: [{ name: 'a' }, { name: 'b' }] },
    patch: { containers: [{ name: 'c' }, { $patch: 'replace' }] },
    result: { containers: [{ name: 'c' }] },
  },
  {
    name: '$patch: replace in a map replaces the map',
    target: { nodeSelector: { a: '1' } },
    patch: { nodeSelector: { $patch: 'replace', b: '2' } },
    result: { nodeSelector: { b: '2' } },
  },
  {
    name: '$patch: delete empties a map',
    target: { securityContext: { runAsUser: 1 } },
    patch: { securityContext: { $patch: 'delete' } },
    result: { securityContext: {} },
  },
  {
    name: '$patch: merge merges, as without it',
    target: { nodeSelector: { a: '1' } },
    patch: { nodeSelector: { $patch: 'merge', b: '2' } },
    result: { nodeSelector: { a: '1', b: '2' } },
  },
  {
    name: '$setElementOrder orders what the client knows; what it does not know keeps its place',
    target: { containers: [{ name: 'sidecar' }, { name: 'a' }, { name: 'b' }] },
    patch: { '$setElementOrder/containers': [{ name: 'b' }, { name: 'c' }, { name: 'a' }], containers: [{ name: 'c', image: 'new' }] },
    result: { containers: [{ name: 'sidecar' }, { name: 'b' }, { name: 'c', image: 'new' }, { name: 'a' }] },
  },
  {
    name: '$setElementOrder alone reorders',
    target: { containers: [{ name: 'a' }, { name: 'b' }] },
    patch: { '$setElementOrder/containers': [{ name: 'b' }, { name: 'a' }] },
    result: { containers: [{ name: 'b' }, { name: 'a' }] },
  },
  {
    name: 'as kubectl apply removes a container: deleted and absent from the order',
    target: { containers: [{ name: 'a' }, { name: 'b' }] },
    patch: { '$setElementOrder/containers': [{ name: 'b' }], containers: [{ $patch: 'delete', name: 'a' }] },
    result: { containers: [{ name: 'b' }] },
  },
  {
    name: 'a scalar list with strategy merge becomes the union',
    schema: 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta',
    target: { finalizers: ['a', 'b'] },
    patch: { finalizers: ['b', 'c'] },
    result: { finalizers: ['a', 'b', 'c'] },
  },
  {
    name: '$deleteFromPrimitiveList takes values out of it',
    schema: 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta',
    target: { finalizers: ['a', 'b', 'c'] },
    patch: { '$deleteFromPrimitiveList/finalizers': ['a'], '$setElementOrder/finalizers': ['d', 'c', 'b'], finalizers: ['d'] },
    result: { finalizers: ['d', 'c', 'b'] },
  },
  {
    name: '$retainKeys clears the other members of a union',
    schema: 'io.k8s.api.apps.v1.DeploymentSpec',
    target: { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } } },
    patch: { strategy: { $retainKeys: ['type'], type: 'Recreate' } },
    result: { strategy: { type: 'Recreate' } },
  },
  {
    name: '$retainKeys within list items: a volume changes its source',
    target: { volumes: [{ name: 'data', emptyDir: {} }] },
    patch: { volumes: [{ $retainKeys: ['name', 'hostPath'], name: 'data', hostPath: { path: '/x' } }] },
    result: { volumes: [{ name: 'data', hostPath: { path: '/x' } }] },
  },
  {
    name: 'directives and nulls of what is new vanish',
    target: {},
    patch: {
      containers: [
        { name: 'a', image: null, $retainKeys: ['name', 'resources'], resources: { $patch: 'replace', limits: { cpu: '1' } } },
        { name: 'b', $patch: 'delete' },
      ],
      '$setElementOrder/containers': [{ name: 'a' }],
    },
    result: { containers: [{ name: 'a', resources: { limits: { cpu: '1' } } }] },
  },
  {
    name: 'service ports meet by port',
    schema: 'io.k8s.api.core.v1.ServiceSpec',
    target: { ports: [{ port: 80, nodePort: 30080, protocol: 'TCP' }] },
    patch: { ports: [{ port: 80, targetPort: 'web' }] },
    result: { ports: [{ port: 80, nodePort: 30080, protocol: 'TCP', targetPort: 'web' }] },
  },
  {
    name: 'taints have no merge key',
    schema: 'io.k8s.api.core.v1.NodeSpec',
    target: { taints: [{ key: 'a', effect: 'NoSchedule' }] },
    patch: { taints: [{ key: 'b', effect: 'NoExecute' }] },
    result: { taints: [{ key: 'b', effect: 'NoExecute' }] },
  },
  {
    name: 'fields that the schema does not know merge like others',
    target: { custom: { a: 1 } },
    patch: { custom: { b: 2 } },
    result: { custom: { a: 1, b: 2 } },
  },
]
for (const { name, schema = POD_SPEC, target, patch, result } of cases)
  test(name, () => assert.deepEqual(strategicMerge(target, patch, definition(schema)), result))

const refused: { name: string; patch: JsonObject; message: RegExp; code?: number }[] = [
  {
    name: 'an item without its merge key',
    patch: { containers: [{ image: 'x' }] },
    message: /^map: map\[image:x\] does not contain declared merge key: name$/,
  },
  {
    name: 'a deletion without merge key',
    patch: { containers: [{ $patch: 'delete' }] },
    message: /does not contain declared merge key: name$/,
  },
  { name: 'a scalar where items have a merge key', patch: { containers: ['a'] }, message: /^list element types are not identical/ },
  { name: 'null as an item', patch: { containers: [null] }, message: /^list element types are not identical/ },
  {
    name: 'lists of lists',
    patch: { containers: [[]] },
    message: /^the server rejected our request due to an error in our request$/,
    code: 422,
  },
  { name: 'an unknown directive', patch: { $patch: 'explode' }, message: /^unknown patch type: explode in map: map\[\$patch:explode\]$/ },
  {
    name: 'an unknown directive in an item',
    patch: { containers: [{ $patch: 'explode', name: 'a' }] },
    message: /^unknown patch type: explode in map: map\[\$patch:explode name:a\]$/,
  },
  { name: '$retainKeys that is no list', patch: { $retainKeys: 'a' }, message: /^invalid patch format of retainKeys$/ },
  {
    name: 'a field that $retainKeys does not name',
    patch: { $retainKeys: ['a'], nodeName: 'x' },
    message: /^invalid patch format of retainKeys$/,
  },
  {
    name: 'an order that is no list',
    patch: { '$setElementOrder/containers': {}, containers: [{ name: 'a' }] },
    message: /^invalid patch format of setElementOrder list$/,
  },
  {
    name: 'an order that leaves out what the patch changes',
    patch: { '$setElementOrder/containers': [{ name: 'b' }], containers: [{ name: 'a' }] },
    message: /^The order in patch list:\n\[map\[name:a\]\]\n doesn't match \$setElementOrder list:\n\[map\[name:b\]\]\n$/,
  },
  {
    name: 'a deletion list that is none',
    patch: { '$deleteFromPrimitiveList/finalizers': 'a' },
    message: /^invalid patch format of primitive list$/,
  },
]
for (const { name, patch, message, code = 400 } of refused)
  test(`refuses ${name}`, () =>
    assert.throws(() => strategicMerge({ containers: [{ name: 'a' }] }, patch, definition(POD_SPEC)), { code, message }))

test('merging twice is merging once, and the target is not touched', () => {
  for (let seed = 1; seed <= 300; seed++) {
    const random = seeded(seed)
    const containers = (): JsonObject[] =>
      ['a', 'b', 'c', 'd'].filter(() => random() < 0.5).map((name) => ({ name, image: `${name}:${Math.floor(random() * 3)}` }))
    const target = { containers: containers() }
    const before = structuredClone(target)
    const changed = containers().map((item): JsonObject => (random() < 0.3 ? { name: item['name']!, $patch: 'delete' } : item))
    const patch = {
      containers: changed,
      '$setElementOrder/containers': changed.filter((item) => !item['$patch']).map(({ name }) => ({ name: name! })),
    }
    const once = strategicMerge(target, patch, definition(POD_SPEC))
    assert.deepEqual(strategicMerge(once, patch, definition(POD_SPEC)), once, `seed ${seed}`)
    assert.deepEqual(target, before, `seed ${seed}`)
  }
})

test('ordering loses nothing, obeys the order, and keeps the others in the order they had', () => {
  for (let seed = 1; seed <= 500; seed++) {
    const random = seeded(seed)
    const letters = [...'abcdef']
    const some = (): string[] => letters.filter(() => random() < 0.6).sort(() => random() - 0.5)
    const [items, order, before] = [some(), some(), some()]
    const result = inOrder(items, order, before, undefined) as string[]
    assert.deepEqual([...result].sort(), [...items].sort(), `seed ${seed}`)
    assert.deepEqual(
      result.filter((item) => order.includes(item)),
      order.filter((item) => items.includes(item)),
      `seed ${seed}`,
    )
    const unnamed = (list: string[]): string[] =>
      list.filter((item) => !order.includes(item) && before.includes(item) && items.includes(item))
    assert.deepEqual(unnamed(result), unnamed(before), `seed ${seed}`)
  }
})
