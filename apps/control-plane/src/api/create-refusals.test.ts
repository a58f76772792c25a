import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonValue } from '@bramble/api/object'
import type { ResourceDefinition } from './resource.ts'
import { aConfigMap, aPod, bench, type Bench, CONFIG_MAPS, NAMESPACES, PODS } from './test-bench.ts'

interface Refusal {
  name: string
  act(b: Bench): Promise<unknown>
  code: number
  reason: string
  message: string | RegExp
}
const create =
  (resource: ResourceDefinition, body: JsonValue, namespace: string | undefined = 'default') =>
  (b: Bench): Promise<unknown> =>
    b.service.create(resource, namespace, body, b.context())

const refusals: Refusal[] = [
  {
    name: 'in a namespace that is not there',
    act: create(CONFIG_MAPS, aConfigMap('a'), 'nowhere'),
    code: 404,
    reason: 'NotFound',
    message: 'namespaces "nowhere" not found',
  },
  {
    name: 'in another namespace than that of the URL',
    act: create(CONFIG_MAPS, aConfigMap('a', {}, { namespace: 'other' })),
    code: 400,
    reason: 'BadRequest',
    message: 'the namespace of the provided object does not match the namespace sent on the request',
  },
  {
    name: 'with a resourceVersion',
    act: create(CONFIG_MAPS, aConfigMap('a', {}, { resourceVersion: '1' })),
    code: 400,
    reason: 'BadRequest',
    message: 'resourceVersion should not be set on objects to be created',
  },
  {
    name: 'with a bad name',
    act: create(PODS, aPod('Bad_Name')),
    code: 422,
    reason: 'Invalid',
    message: `Pod "Bad_Name" is invalid: metadata.name: Invalid value: "Bad_Name": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`,
  },
  {
    name: 'with no name',
    act: create(CONFIG_MAPS, { metadata: {} }),
    code: 422,
    reason: 'Invalid',
    message: 'ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required',
  },
  {
    name: 'with a name of 254 characters',
    act: create(CONFIG_MAPS, aConfigMap('a'.repeat(254))),
    code: 422,
    reason: 'Invalid',
    message: /must be no more than 253 characters$/,
  },
  {
    name: 'a namespace with a dot',
    act: create(NAMESPACES, { metadata: { name: 'a.b' } }, undefined),
    code: 422,
    reason: 'Invalid',
    message: /a lowercase RFC 1123 label must consist/,
  },
  {
    name: 'with a bad label',
    act: create(CONFIG_MAPS, aConfigMap('a', {}, { labels: { 'a b': '-' } })),
    code: 422,
    reason: 'Invalid',
    message:
      /^ConfigMap "a" is invalid: \[metadata\.labels: Invalid value: "a b": name part must consist .*, metadata\.labels: Invalid value: "-": a valid label must/,
  },
  {
    name: 'with 256 KiB of annotations',
    act: create(CONFIG_MAPS, aConfigMap('a', {}, { annotations: { a: 'x'.repeat(256 * 1024) } })),
    code: 422,
    reason: 'Invalid',
    message: /metadata\.annotations: Too long: may not be more than 262144 bytes/,
  },
  {
    name: 'with two controllers',
    code: 422,
    reason: 'Invalid',
    message: /Only one reference can have Controller set to true\. Found "true" in references for a and b/,
    act: create(
      CONFIG_MAPS,
      aConfigMap(
        'x',
        {},
        { ownerReferences: ['a', 'b'].map((name) => ({ apiVersion: 'v1', kind: 'Pod', name, uid: name, controller: true })) },
      ),
    ),
  },
  {
    name: 'with an owner without uid',
    act: create(CONFIG_MAPS, aConfigMap('x', {}, { ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'a', uid: '' }] })),
    code: 422,
    reason: 'Invalid',
    message: 'ConfigMap "x" is invalid: metadata.ownerReferences[0].uid: Invalid value: "": must not be empty',
  },
  {
    name: 'with a finalizer that is no name',
    act: create(CONFIG_MAPS, aConfigMap('x', {}, { finalizers: ['a b'] })),
    code: 422,
    reason: 'Invalid',
    message: /metadata\.finalizers: Invalid value: "a b": name part must consist/,
  },
  {
    name: 'a name that is taken',
    act: create(NAMESPACES, { metadata: { name: 'default' } }, undefined),
    code: 409,
    reason: 'AlreadyExists',
    message: 'namespaces "default" already exists',
  },
  {
    name: 'an unknown field',
    act: create(PODS, aPod('a', { bar: 1 })),
    code: 400,
    reason: 'BadRequest',
    message: 'Pod in version "v1" cannot be handled as a Pod: strict decoding error: unknown field "spec.bar"',
  },
]
for (const { name, act, code, reason, message } of refusals)
  test(`refuses to create ${name}`, async (t) => {
    const b = await bench(t)
    const before = b.store.revision
    await assert.rejects(act(b), (error: Error & { code: number; reason: string }) => {
      if (typeof message === 'string') assert.equal(error.message, message)
      else assert.match(error.message, message)
      assert.deepEqual([error.code, error.reason], [code, reason])
      return true
    })
    assert.equal(b.store.revision, before)
  })
