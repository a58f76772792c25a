import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ContainerStatus, Pod } from '@bramble/api/types/pod'
import { assertHasLog, podLogOptions } from './pod-log-options.ts'

const aPod = (containers: readonly string[], init: readonly string[] = [], statuses: readonly Partial<ContainerStatus>[] = []): Pod => ({
  metadata: { name: 'p', namespace: 'n', uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' },
  spec: {
    nodeName: 'pi-1',
    containers: containers.map((name) => ({ name, image: 'i' })),
    initContainers: init.map((name) => ({ name, image: 'i' })),
  },
  status: {
    containerStatuses: statuses.map((status) => ({ name: 'c', ready: false, restartCount: 0, image: 'i', imageID: '', ...status })),
  },
})
const NOW_MS = Date.UTC(2026, 0, 1, 12)
const options = (query: string, pod = aPod(['c'])) => podLogOptions(new URLSearchParams(query), pod, NOW_MS)

test('without parameters it is all of the only container', () => {
  assert.deepEqual(options(''), { container: 'c', follow: false, previous: false, timestamps: false })
})

test('every parameter is understood', () => {
  assert.deepEqual(
    options('container=b&follow=true&previous=1&timestamps=true&tailLines=0&limitBytes=9&sinceSeconds=60', aPod(['a', 'b'])),
    {
      container: 'b',
      follow: true,
      previous: true,
      timestamps: true,
      tailLines: 0,
      limitBytes: 9,
      sinceTimeMs: NOW_MS - 60_000,
    },
  )
  assert.equal(options('sinceTime=2026-01-01T01:00:00%2B01:00').sinceTimeMs, Date.UTC(2026, 0, 1))
  assert.deepEqual([options('stream=Stderr').stream, options('stream=All').stream], ['Stderr', undefined])
  assert.equal(options('container=i', aPod(['a'], ['i'])).container, 'i')
})

const refused: readonly (readonly [string, Pod, number, string])[] = [
  ['', aPod(['a', 'b']), 400, 'a container name must be specified for pod p, choose one of: [a b]'],
  ['', aPod(['a', 'b'], ['i']), 400, 'a container name must be specified for pod p, choose one of: [i a b]'],
  ['container=x', aPod(['a']), 400, 'container x is not valid for pod p'],
  ['tailLines=-1', aPod(['c']), 422, 'PodLogOptions "p" is invalid: tailLines: Invalid value: -1: must be greater than or equal to 0'],
  [
    'limitBytes=0&sinceSeconds=0',
    aPod(['c']),
    422,
    'PodLogOptions "p" is invalid: [limitBytes: Invalid value: 0: must be greater than 0, sinceSeconds: Invalid value: 0: must be greater than 0]',
  ],
  ['tailLines=x', aPod(['c']), 422, 'PodLogOptions "p" is invalid: tailLines: Invalid value: "x": must be an integer'],
  [
    'stream=x',
    aPod(['c']),
    422,
    'PodLogOptions "p" is invalid: stream: Unsupported value: "x": supported values: "All", "Stderr", "Stdout"',
  ],
  [
    'stream=Stdout&tailLines=1',
    aPod(['c']),
    422,
    'PodLogOptions "p" is invalid: : Forbidden: `tailLines` and specific `stream` are mutually exclusive for now',
  ],
  [
    'sinceTime=yesterday',
    aPod(['c']),
    422,
    'PodLogOptions "p" is invalid: sinceTime: Invalid value: "yesterday": must be a time in RFC 3339',
  ],
  [
    'sinceTime=2026-01-01T00:00:00Z&sinceSeconds=1',
    aPod(['c']),
    422,
    'PodLogOptions "p" is invalid: : Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified',
  ],
]
for (const [query, pod, code, message] of refused)
  test(`?${query}: ${message}`, () => assert.throws(() => options(query, pod), { code, message }))

const running = { state: { running: {} } }
const ended = { terminated: { exitCode: 1, containerID: 'x' } }
const states: readonly (readonly [string, readonly Partial<ContainerStatus>[], boolean, string | undefined])[] = [
  ['running', [running], false, undefined],
  ['ended', [{ state: ended }], false, undefined],
  ['waiting for its restart', [{ state: { waiting: { reason: 'CrashLoopBackOff' } }, lastState: ended }], false, undefined],
  [
    'being created',
    [{ state: { waiting: { reason: 'ContainerCreating' } } }],
    false,
    'container "c" in pod "p" is waiting to start: ContainerCreating',
  ],
  ['without a status', [], false, 'container "c" in pod "p" is waiting to start: ContainerCreating'],
  [
    'without its image',
    [{ state: { waiting: { reason: 'ErrImagePull' } } }],
    false,
    'container "c" in pod "p" is waiting to start: image can\'t be pulled',
  ],
  [
    'without its image, still',
    [{ state: { waiting: { reason: 'ImagePullBackOff' } } }],
    false,
    'container "c" in pod "p" is waiting to start: trying and failing to pull image',
  ],
  ['running again', [{ ...running, lastState: ended }], true, undefined],
  ['running for the first time', [running], true, 'previous terminated container "c" in pod "p" not found'],
]
for (const [name, statuses, previous, message] of states)
  test(`a container ${name}: ${message ?? `has a ${previous ? 'previous ' : ''}log`}`, () => {
    const look = () => assertHasLog(aPod(['c'], [], statuses), { container: 'c', previous })
    if (message === undefined) look()
    else assert.throws(look, { code: 400, message })
  })

for (const field of ['containerStatuses', 'initContainerStatuses', 'ephemeralContainerStatuses'] as const)
  test(`a container that runs by ${field} has a log`, () => {
    const pod = { ...aPod(['c']), status: { [field]: [{ name: 'c', ...running }] } } as Pod
    assertHasLog(pod, { container: 'c', previous: false })
  })
