import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ContainerPort } from '@bramble/api/types/pod'
import { portsTaken } from './host-ports.ts'
import { aContainer, aPod, PodWorld } from './pods-harness.ts'

const withPort = (name: string, port: Partial<ContainerPort>) =>
  aPod(name, { containers: [{ ...aContainer('main'), ports: [{ containerPort: 80, ...port }] }] })

const cases: readonly (readonly [what: string, one: Partial<ContainerPort>, other: Partial<ContainerPort>, taken: boolean])[] = [
  ['the same port', { hostPort: 80 }, { hostPort: 80 }, true],
  ['another port', { hostPort: 80 }, { hostPort: 81 }, false],
  ['the same port of containers alone', {}, {}, false],
  ['another protocol', { hostPort: 80 }, { hostPort: 80, protocol: 'UDP' }, false],
  ['the same protocol, said once', { hostPort: 80, protocol: 'TCP' }, { hostPort: 80 }, true],
  ['another address', { hostPort: 80, hostIP: '127.0.0.1' }, { hostPort: 80, hostIP: '127.0.0.2' }, false],
  ['any address', { hostPort: 80, hostIP: '127.0.0.1' }, { hostPort: 80, hostIP: '0.0.0.0' }, true],
]
for (const [what, one, other, taken] of cases)
  test(`${what}: ${taken ? 'taken' : 'free'}`, () => {
    assert.equal(portsTaken(withPort('a', one), [withPort('b', other)])?.reason, taken ? 'NodePorts' : undefined)
  })

test('the second pod with a port is sent away, the one after it is taken in when the first has left', async () => {
  const world = new PodWorld()
  const [first, second, third] = ['first', 'second', 'third'].map((name) => withPort(name, { hostPort: 80 }))
  await world.assign(first!)
  await world.assign(first!, second!)
  const { phase, reason, message } = world.status('second')!
  assert.deepEqual([world.status('first')?.phase, phase, reason], ['Running', 'Failed', 'NodePorts'])
  assert.match(message!, /^Pod was rejected: Predicate NodePorts failed: node\(s\) didn't have free ports/)
  await world.assign(second!)
  await world.pass(60_000)
  await world.assign(second!, third!)
  assert.equal(world.status('third')?.phase, 'Running')
})
