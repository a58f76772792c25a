import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EphemeralContainer, Pod } from '@bramble/api/types/pod'
import type { NamedSubresource } from '../../api/resource.ts'
import { pods } from '../pod.ts'
import { refusals, written } from '../testing.ts'

const app = { name: 'app', image: 'a:1', resources: { requests: { cpu: '1', memory: '64Mi' } } }
const pod = (spec: object = {}): Pod => written<Pod>(pods, { spec: { containers: [app], ...spec } })
const named = (name: string): NamedSubresource<Pod> => pods.subresources!.named!.find((one) => one.name === name)!

/** What an update of a part of a pod makes of it, and what is wrong with that. */
function updated(part: 'ephemeralcontainers' | 'resize', proposed: Pod, before: Pod): { pod: Pod; errors: readonly string[] } {
  const { take, validate } = named(part)
  const draft = structuredClone(take!(proposed, before))
  pods.applyDefaults!(draft)
  return { pod: draft, errors: validate!(draft, before).map(({ path, message }) => `${path}: ${message}`) }
}

const debug: EphemeralContainer = { name: 'debug', image: 'busybox:1', targetContainerName: 'app', stdin: true, tty: true }
const withDebug = (changes: object = {}, ...more: object[]): Pod =>
  ({ ...pod(), spec: { ...pod().spec, ephemeralContainers: [{ ...debug, ...changes }, ...more] } }) as Pod

test('a container to look is added and completed; nothing else of the proposal counts', () => {
  const proposed = withDebug()
  proposed.spec.containers[0]!.image = 'other:1'
  proposed.metadata.labels = { a: 'b' }
  const { pod: after, errors } = updated('ephemeralcontainers', proposed, pod())
  assert.deepEqual(errors, [])
  assert.equal(after.spec.ephemeralContainers![0]!.imagePullPolicy, 'IfNotPresent')
  assert.deepEqual([after.spec.containers[0]!.image, after.metadata.labels], ['a:1', undefined])
})

const E = 'spec.ephemeralContainers[0]'
const CANNOT = 'Forbidden: cannot be set for an Ephemeral Container'
const added: readonly (readonly [name: string, changes: object, ...expected: string[]])[] = [
  ['without an image', { image: '' }, `${E}.image: Required value`],
  ['with the name of a container', { name: 'app' }, `${E}.name: Duplicate value: "app"`],
  ['that looks at nobody', { targetContainerName: 'none' }, `${E}.targetContainerName: Not found: "none"`],
  ['with a port', { ports: [{ containerPort: 80 }] }, `${E}.ports: ${CANNOT}`],
  ['with a probe', { livenessProbe: { exec: { command: ['x'] } } }, `${E}.livenessProbe: ${CANNOT}`],
  ['that asks for something', { resources: { requests: { cpu: '1' } } }, `${E}.resources: ${CANNOT}`],
]
for (const [name, changes, ...expected] of added)
  test(`an ephemeral container ${name}`, () => assert.deepEqual(updated('ephemeralcontainers', withDebug(changes), pod()).errors, expected))

test('an ephemeral container stays as it is', () => {
  const before = updated('ephemeralcontainers', withDebug(), pod()).pod
  const errors = (proposed: Pod): readonly string[] => updated('ephemeralcontainers', proposed, before).errors
  assert.deepEqual(errors(withDebug({}, { name: 'second', image: 'busybox:1' })), [])
  assert.deepEqual(errors(pod()), ['spec.ephemeralContainers: Forbidden: existing ephemeral containers "debug" may not be removed\n'])
  assert.deepEqual(errors(withDebug({ image: 'busybox:2' })), [
    'spec.ephemeralContainers: Forbidden: existing ephemeral containers "debug" may not be changed\n',
  ])
})
test('a pod cannot be made with an ephemeral container', () => {
  assert.deepEqual(refusals(pods, { spec: withDebug().spec }), ['spec.ephemeralContainers: Forbidden: cannot be set on create'])
})
test('a pod with an ephemeral container can still get a label', () => {
  const before = updated('ephemeralcontainers', withDebug(), pod()).pod
  assert.deepEqual(pods.validate!({ ...before, metadata: { ...before.metadata, labels: { a: 'b' } } }, before), [])
})

const sized = (resources: object, more: object = {}): Pod =>
  ({ ...pod(), spec: { ...pod().spec, containers: [{ ...pod().spec.containers[0]!, resources, ...more }] } }) as Pod

const resizes: readonly (readonly [name: string, proposed: Pod, ...expected: string[]])[] = [
  ['more of both', sized({ requests: { cpu: '2', memory: '128Mi' } })],
  ['a limit', sized({ requests: { cpu: '1', memory: '64Mi' }, limits: { memory: '128Mi' } })],
  ['another image beside it, which does not count', sized({ requests: { cpu: '2', memory: '64Mi' } }, { image: 'other:1' })],
  [
    'less than it was given a request for',
    sized({ requests: { cpu: '1' } }),
    'spec.containers[0].resources.requests: Forbidden: resource requests cannot be removed',
  ],
  [
    'nothing',
    sized({}),
    'spec: Invalid value: "Burstable": Pod QOS Class may not change as a result of resizing',
    'spec.containers[0].resources.requests: Forbidden: resource requests cannot be removed',
  ],
  [
    'room on disk',
    sized({ requests: { cpu: '1', memory: '64Mi', 'ephemeral-storage': '1Gi' } }),
    'spec: Forbidden: only cpu and memory resources are mutable',
  ],
  [
    'less than it asks for',
    sized({ requests: { cpu: '2', memory: '64Mi' }, limits: { cpu: '1' } }),
    'spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1',
  ],
  [
    'another container',
    { ...pod(), spec: { ...pod().spec, containers: [...pod().spec.containers, { name: 'b', image: 'b:1' }] } } as Pod,
    'spec.containers: Forbidden: containers may not be added or removed on resize',
  ],
  [
    'its container under another name',
    { ...pod(), spec: { ...pod().spec, containers: [{ ...pod().spec.containers[0]!, name: 'b' }] } } as Pod,
    'spec.containers[0].name: Forbidden: containers may not be renamed or reordered on resize',
  ],
]
for (const [name, proposed, ...expected] of resizes)
  test(`a pod is resized to ${name}`, () => {
    const result = updated('resize', proposed, pod())
    assert.deepEqual(result.errors, expected)
    if (expected.length === 0) {
      assert.equal(result.pod.spec.containers[0]!.image, 'a:1')
      assert.deepEqual(result.pod.spec.containers[0]!.resources, proposed.spec.containers[0]!.resources)
    }
  })

test('an init container that has ended cannot be resized, a sidecar can', () => {
  const init = (restartPolicy: string | undefined, cpu: string): Pod =>
    pod({ initContainers: [{ name: 'init', image: 'i:1', ...(restartPolicy && { restartPolicy }), resources: { requests: { cpu } } }] })
  assert.deepEqual(updated('resize', init(undefined, '2'), init(undefined, '1')).errors, [
    'spec: Forbidden: resources for non-sidecar init containers are immutable',
  ])
  assert.deepEqual(updated('resize', init('Always', '2'), init('Always', '1')).errors, [])
})
