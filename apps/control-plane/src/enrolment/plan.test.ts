import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Node } from '@bramble/api/types/node'
import { DEVICE_KEY, DEVICE_MACHINE, DEVICE_SERIAL, READOPT } from '@bramble/api/types/node-identity'
import fc from 'fast-check'
import { type Claim, type EnrolmentPlan, isCurrentDevice, planEnrolment } from './plan.ts'

const [A, B] = ['10000000aaaaaaaa', '10000000bbbbbbbb']
const aNode = (name: string, annotations: Record<string, string>): Node =>
  ({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, annotations, uid: name, resourceVersion: '1', creationTimestamp: '' },
    spec: {},
  }) as Node
/** Node pi-1: key `old`, board A, machine `m1`. */
const PI_1 = { [DEVICE_KEY]: 'old', [DEVICE_SERIAL]: A, [DEVICE_MACHINE]: 'm1' }
/** The same board with a new card, made anew: new key, new machine id. */
const AGAIN: Claim = { nodeName: 'pi-1', device: 'new', serial: A, machine: 'm2' }

interface Case {
  readonly name: string
  readonly claim?: Partial<Claim>
  readonly node?: Record<string, string> | 'none'
  readonly token?: { readonly nodeName?: string; readonly serial?: string }
  readonly decision?: 'approved' | 'denied'
  readonly type: EnrolmentPlan['type']
  readonly why?: RegExp
}
const cases: readonly Case[] = [
  { name: 'a name that nobody has is given', node: 'none', type: 'register' },
  { name: 'a Node that was made by hand is taken', node: {}, type: 'register' },
  { name: 'a device that has the name may repeat its request', claim: { device: 'old' }, type: 'repeat' },
  { name: 'a board with a new card waits for somebody', type: 'ask' },
  { name: 'it gets its name when it was approved', decision: 'approved', type: 'readopt' },
  { name: 'and not when it was denied', decision: 'denied', type: 'refuse', why: /denied this device.*kubectl delete csr pi-1/ },
  { name: 'a card made for the name is approval', token: { nodeName: 'pi-1' }, type: 'readopt' },
  { name: 'a card made for the board is approval', token: { serial: A }, type: 'readopt' },
  { name: 'a Node may say that the next device is its own', node: { ...PI_1, [READOPT]: 'true' }, claim: { serial: B }, type: 'readopt' },
  { name: 'a Node that says no does not', node: { ...PI_1, [READOPT]: 'false' }, type: 'ask' },
  {
    name: 'another board does not get the name',
    claim: { serial: B },
    type: 'refuse',
    why: /belongs to another device \(board 10000000aaaaaaaa\), and this is board 10000000bbbbbbbb.*--node-name.*readopt=true.*bramble node remove pi-1/,
  },
  {
    name: 'not even with a card made for the name: two cards may have it by mistake',
    claim: { serial: B },
    token: { nodeName: 'pi-1' },
    type: 'refuse',
  },
  { name: 'nor by approval of what it asked before', claim: { serial: B }, decision: 'approved', type: 'refuse' },
  { name: 'a machine without a serial does not get the name', claim: { serial: '' }, type: 'refuse', why: /token create --hostname pi-1/ },
  { name: 'but with a token for the name it does', claim: { serial: '' }, token: { nodeName: 'pi-1' }, type: 'readopt' },
  {
    name: 'a Node that is older than serials goes by its token too',
    node: { [DEVICE_KEY]: 'old' },
    token: { nodeName: 'pi-1' },
    type: 'readopt',
  },
  {
    name: 'and not by a token for the board, which may call itself anything',
    node: { [DEVICE_KEY]: 'old' },
    token: { serial: A },
    type: 'refuse',
  },
  {
    name: 'a copied card is told what to type',
    claim: { nodeName: 'pi-2', serial: B, machine: 'm1' },
    type: 'refuse',
    why: /machine id is that of node "pi-1".*rm -f \/etc\/machine-id.*systemd-machine-id-setup.*bramble node remove pi-1/,
  },
  {
    name: 'a copied card under the same name too',
    claim: { serial: B, machine: 'm1' },
    token: { nodeName: 'pi-1' },
    type: 'refuse',
    why: /is a copy/,
  },
  { name: 'a second agent on a board is no copy', claim: { nodeName: 'pi-2', machine: 'm1' }, type: 'register' },
  { name: 'machines without serials are not told apart', claim: { nodeName: 'pi-2', serial: '', machine: 'm1' }, type: 'register' },
]
for (const { name, claim, node = PI_1, token = {}, decision, type, why } of cases)
  test(name, () => {
    const nodes = node === 'none' ? [] : [aNode('pi-1', node)]
    const plan = planEnrolment({ ...AGAIN, ...claim }, { nodes, token: { nodeName: '', serial: '', ...token }, decision })
    assert.equal(plan.type, type)
    if (why) assert.match(plan.type === 'refuse' ? plan.why : '', why)
  })

test('a name that a key has never goes to another key unless somebody said so', () => {
  const text = fc.constantFrom('', 'a', 'b')
  fc.assert(
    fc.property(
      text,
      text,
      text,
      text,
      fc.constantFrom(undefined, 'denied' as const),
      (serial, machine, ownSerial, ownMachine, decision) => {
        const node = aNode('pi-1', { [DEVICE_KEY]: 'old', [DEVICE_SERIAL]: ownSerial, [DEVICE_MACHINE]: ownMachine })
        const plan = planEnrolment(
          { nodeName: 'pi-1', device: 'new', serial, machine },
          { nodes: [node], token: { nodeName: '', serial: '' }, decision },
        )
        assert.ok(plan.type === 'ask' || plan.type === 'refuse')
        if (plan.type === 'ask') assert.ok(serial !== '' && serial === ownSerial)
      },
    ),
    { seed: 5, numRuns: 200 },
  )
})

test('a device acts as a node while its key is the one that the Node names', () => {
  assert.equal(isCurrentDevice(aNode('pi-1', PI_1), 'old'), true)
  assert.equal(isCurrentDevice(aNode('pi-1', PI_1), 'new'), false)
  assert.equal(isCurrentDevice(aNode('pi-1', {}), 'any'), true)
  assert.equal(isCurrentDevice(undefined, 'any'), true)
})
