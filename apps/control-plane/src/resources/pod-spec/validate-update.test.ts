import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PodSpec } from '@bramble/api/types/pod'
import { validatePodUpdate } from './validate-update.ts'

const before: PodSpec = {
  containers: [{ name: 'app', image: 'a:1', env: [{ name: 'A', value: '1' }] }],
  nodeName: 'n1',
  activeDeadlineSeconds: 60,
  terminationGracePeriodSeconds: 30,
  tolerations: [{ key: 'a', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 }],
}
const FIELDS =
  '`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)'
const others = (...paths: string[]): string =>
  `spec: Forbidden: pod updates may not change fields other than ${FIELDS}\nchanged: ${paths.join(', ')}`

const cases: readonly (readonly [name: string, change: Partial<PodSpec>, expected: readonly string[]])[] = [
  ['nothing at all', {}, []],
  ['its image', { containers: [{ ...before.containers[0]!, image: 'a:2' }] }, []],
  ['a toleration more', { tolerations: [...before.tolerations!, { key: 'b', operator: 'Exists' }] }, []],
  ['how long it tolerates', { tolerations: [{ ...before.tolerations![0]!, tolerationSeconds: 5 }] }, []],
  ['an earlier deadline', { activeDeadlineSeconds: 30 }, []],
  [
    'a later deadline',
    { activeDeadlineSeconds: 90 },
    ['spec.activeDeadlineSeconds: Invalid value: 90: must be less than or equal to previous value'],
  ],
  [
    'no deadline any more',
    { activeDeadlineSeconds: undefined },
    ['spec.activeDeadlineSeconds: Invalid value: null: must not update from a positive integer to nil value'],
  ],
  [
    'a toleration less',
    { tolerations: [] },
    ['spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds'],
  ],
  ['another node', { nodeName: 'n2' }, [others('spec.nodeName')]],
  [
    'another variable and grace',
    { terminationGracePeriodSeconds: 5, containers: [{ ...before.containers[0]!, env: [{ name: 'A', value: '2' }] }] },
    [others('spec.containers[0].env[0].value', 'spec.terminationGracePeriodSeconds')],
  ],
  [
    'a container more',
    { containers: [...before.containers, { name: 'b', image: 'b' }] },
    ['spec.containers: Forbidden: pod updates may not add or remove containers'],
  ],
  ['an empty list where there was none', { imagePullSecrets: [] }, []],
]
for (const [name, change, expected] of cases) {
  test(`a running pod gets ${name}`, () =>
    assert.deepEqual(
      validatePodUpdate({ ...before, ...change }, before).map(({ path, message }) => `${path}: ${message}`),
      expected,
    ))
}

test('a negative grace may be mended to 1', () => {
  assert.deepEqual(validatePodUpdate({ ...before, terminationGracePeriodSeconds: 1 }, { ...before, terminationGracePeriodSeconds: -1 }), [])
})
