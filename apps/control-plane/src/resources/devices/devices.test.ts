import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ResourceDefinition } from '../../api/resource.ts'
import { cell, METADATA, refusals, warnings, written } from '../testing.ts'
import { deviceClasses } from './device-class.ts'
import { resourceClaimTemplates } from './resource-claim-template.ts'
import { resourceClaims } from './resource-claim.ts'
import { resourceSlices } from './resource-slice.ts'

const request = (more: object = {}) => ({ name: 'gpu', exactly: { deviceClassName: 'gpu.example.com', ...more } })
const claim = (...requests: object[]) => ({ spec: { devices: { requests } } })
const slice = (more: object = {}) => ({
  spec: { driver: 'gpu.example.com', nodeName: 'pi-1', pool: { name: 'pi-1', generation: 0, resourceSliceCount: 1 }, ...more },
})
const REQUEST = 'spec.devices.requests[0]'
const PLACES = '`nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection`'

type Case = readonly [name: string, kind: ResourceDefinition, body: object, before?: object, ...expected: string[]]
const cases: readonly Case[] = [
  ['a DeviceClass', deviceClasses, { spec: { selectors: [{ cel: { expression: 'true' } }] } }],
  [
    'a DeviceClass of nothing',
    deviceClasses,
    { spec: { selectors: [{}, { cel: {} }], config: [{ opaque: { driver: 'gpu.example.com', parameters: 'x' } }, {}] } },
    undefined,
    'spec.selectors[0].cel: Required value',
    'spec.selectors[1].cel.expression: Required value',
    'spec.config[0].opaque.parameters: Invalid value: "<value omitted>": must be a valid JSON object',
    'spec.config[1].opaque: Required value: exactly one of the configuration fields is required',
  ],
  ['a ResourceClaim', resourceClaims, claim(request())],
  ['a ResourceClaim of one of several', resourceClaims, claim({ name: 'a', firstAvailable: [{ name: 'b', deviceClassName: 'c' }] })],
  [
    'a ResourceClaim of what',
    resourceClaims,
    claim({ name: 'A' }, { exactly: {} }),
    undefined,
    `${REQUEST}.name: Invalid value: "A": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')`,
    `${REQUEST}: Required value: exactly one of \`exactly\` or \`firstAvailable\` is required`,
    'spec.devices.requests[1].name: Required value',
    'spec.devices.requests[1].exactly.deviceClassName: Required value',
  ],
  [
    'a ResourceClaim of all of three',
    resourceClaims,
    claim(request({ allocationMode: 'All', count: 3 })),
    undefined,
    `${REQUEST}.exactly.count: Invalid value: 3: must not be specified when allocationMode is 'All'`,
  ],
  [
    'a ResourceClaim of fewer than none',
    resourceClaims,
    claim(request({ count: -1 })),
    undefined,
    `${REQUEST}.exactly.count: Invalid value: -1: must be greater than zero`,
  ],
  [
    'a ResourceClaim with a name twice',
    resourceClaims,
    claim(request(), request()),
    undefined,
    'spec.devices.requests[1]: Duplicate value: "gpu"',
  ],
  [
    'a ResourceClaim with a constraint on nobody',
    resourceClaims,
    { spec: { devices: { requests: [request()], constraints: [{ requests: ['tpu'] }] } } },
    undefined,
    'spec.devices.constraints[0].requests[0]: Invalid value: "tpu": must be the name of a request in the claim or the name of a request and a subrequest separated by \'/\'',
    'spec.devices.constraints[0]: Required value: exactly one of `matchAttribute`, `distinctAttribute` is required',
  ],
  [
    'a ResourceClaim of something else',
    resourceClaims,
    { spec: {} },
    claim(),
    // no requests are the same as none
  ],
  [
    'a ResourceClaimTemplate of something else',
    resourceClaimTemplates,
    { spec: { metadata: { labels: { a: 'b' } } } },
    { spec: {} },
    'spec: Invalid value: {"metadata":{"labels":{"a":"b"}},"spec":{}}: field is immutable',
  ],
  ['a ResourceSlice', resourceSlices, slice({ devices: [{ name: 'gpu-0' }] })],
  [
    'a ResourceSlice of nowhere',
    resourceSlices,
    slice({ nodeName: undefined, pool: {} }),
    undefined,
    'spec.pool.name: Required value',
    'spec.pool.resourceSliceCount: Invalid value: 0: must be greater than zero',
    `spec: Required value: exactly one of ${PLACES} is required`,
  ],
  [
    'a ResourceSlice here and there',
    resourceSlices,
    slice({ allNodes: true, devices: [{ name: 'a' }, { name: 'a' }] }),
    undefined,
    `spec: Invalid value: null: exactly one of ${PLACES} is required, but multiple fields are set`,
    'spec.devices[1].name: Duplicate value: "a"',
  ],
  [
    'a ResourceSlice of another node',
    resourceSlices,
    slice({ nodeName: 'pi-2' }),
    slice(),
    'spec.nodeName: Invalid value: "pi-2": field is immutable',
  ],
]
for (const [name, kind, body, before, ...expected] of cases) test(name, () => assert.deepEqual(refusals(kind, body, before), expected))

test('one device is asked for unless more are', () =>
  assert.deepEqual(written(resourceClaims, claim(request())).spec.devices?.requests, [request({ allocationMode: 'ExactCount', count: 1 })]))

test('a ResourceClaim is printed with its state', () => {
  const state = (status: object, metadata: object = {}) => cell(resourceClaims, 'State', { metadata: { ...METADATA, ...metadata }, status })
  assert.equal(state({}), 'pending')
  assert.equal(state({ allocation: {} }), 'allocated')
  assert.equal(state({ allocation: {}, reservedFor: [{}] }), 'allocated,reserved')
  assert.equal(state({}, { deletionTimestamp: METADATA.creationTimestamp }), 'deleted')
})

test('who publishes devices hears that nobody allocates them', () => {
  assert.deepEqual(warnings(resourceSlices, slice({ driver: 'GPU.example.com' })), [
    'spec.driver: driver names should be lowercase; "GPU.example.com" contains uppercase characters',
    'Bramble does not allocate devices: nothing acts on this object',
  ])
  assert.deepEqual(resourceSlices.fields!(written(resourceSlices, slice())), { 'spec.nodeName': 'pi-1', 'spec.driver': 'gpu.example.com' })
})
