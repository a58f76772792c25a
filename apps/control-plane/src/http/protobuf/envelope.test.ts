import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeProtobuf } from './decode.ts'
import { bytes, envelope, named, type Written } from './encode.fixture.ts'

// What a body may look like although no Go program writes it so; Kubernetes' own decoder decides.

const POD = { apiVersion: 'v1', kind: 'Pod' }
const MAGIC = Buffer.from('k8s\0')
const body = (fields: Written): Buffer => Buffer.concat([MAGIC, bytes(fields)])
const TYPE: Written = [
  [1, 'v1'],
  [2, 'Pod'],
]
const spec = (fields: Written): Buffer => envelope('v1', 'Pod', [[2, fields]])
const specOf = (encoded: Buffer): unknown => decodeProtobuf(encoded, POD)['spec']

test('a body without a type is of the kind of the URL', () => {
  assert.deepEqual(decodeProtobuf(body([[2, bytes([[1, named('p')]])]]), POD), { ...POD, metadata: { name: 'p' } })
})

test('a body without an object is an empty one', () => {
  assert.deepEqual(decodeProtobuf(body([[1, TYPE]]), POD), POD)
})

test('content type and encoding of the envelope mean nothing, nor does what we do not know', () => {
  const encoded = body([
    [1, TYPE],
    [3, 'gzip'],
    [4, 'application/json'],
    [9, 'x'],
    [2, bytes([[1, named('p')]])],
  ])
  assert.deepEqual(decodeProtobuf(encoded, POD), { ...POD, metadata: { name: 'p' } })
})

test('of several objects the last one counts', () => {
  const encoded = body([
    [1, TYPE],
    [2, bytes([[1, named('a')]])],
    [2, bytes([[1, named('b')]])],
  ])
  assert.deepEqual(decodeProtobuf(encoded, POD)['metadata'], { name: 'b' })
})

test('bytes after the envelope are a part of it, and refused when they are none', () => {
  const whole = envelope('v1', 'Pod', [[1, named('p')]])
  assert.throws(() => decodeProtobuf(Buffer.concat([whole, Buffer.from([0])]), POD), { message: 'proto: illegal tag 0 (wire type 0)' })
  assert.throws(() => decodeProtobuf(Buffer.concat([whole, Buffer.from([0x0a])]), POD), { message: 'unexpected EOF' })
})

test('a message that comes twice is one message; a list that comes twice is one list', () => {
  const encoded = envelope('v1', 'Pod', [
    [
      2,
      [
        [3, 'Never'],
        [2, [[1, 'a']]],
      ],
    ],
    [
      2,
      [
        [10, 'pi-1'],
        [2, [[1, 'b']]],
      ],
    ],
  ])
  assert.deepEqual(specOf(encoded), { restartPolicy: 'Never', nodeName: 'pi-1', containers: [{ name: 'a' }, { name: 'b' }] })
})

test('numbers of a list may be packed', () => {
  const packed = Buffer.from([1, 0x80, 1, 3])
  assert.deepEqual(specOf(spec([[14, [[4, packed]]]])), { securityContext: { supplementalGroups: [1, 128, 3] } })
})

test('groups are skipped', () => {
  const group = Buffer.from([0x9b, 0x06, 0x08, 0x01, 0x13, 0x14, 0x12, 0x01, 0x78, 0x9c, 0x06]) // of field 99: a number, a group, a text
  const encoded = Buffer.concat([bytes([[10, 'pi-1']]), group])
  assert.deepEqual(specOf(envelope('v1', 'Pod', [[2, encoded]])), { nodeName: 'pi-1' })
  assert.throws(() => specOf(envelope('v1', 'Pod', [[2, group.subarray(0, -2)]])), { message: 'unexpected EOF' })
  assert.throws(() => specOf(envelope('v1', 'Pod', [[2, Buffer.alloc(500, 0x13)]])), { message: /exceeded max depth|unexpected EOF/ })
})

test('a number that is too long for its type keeps its lowest bits', () => {
  assert.deepEqual(specOf(spec([[25, 2n ** 32n + 5n]])), { priority: 5 })
  assert.deepEqual(specOf(spec([[25, -1n]])), { priority: -1 })
})

test('an entry of a map without key or value has empty ones', () => {
  assert.deepEqual(specOf(spec([[7, []]])), { nodeSelector: { '': '' } })
  assert.deepEqual(specOf(spec([[32, [[1, 'cpu']]]])), { overhead: { cpu: '0' } })
})

test('options are the same in every group', () => {
  for (const apiVersion of ['v1', 'apps/v1', 'policy/v1', 'meta.k8s.io/v1'])
    assert.deepEqual(
      decodeProtobuf(
        envelope(apiVersion, 'DeleteOptions', [
          [1, 0],
          [4, 'Background'],
        ]),
        POD,
      ),
      {
        apiVersion,
        kind: 'DeleteOptions',
        gracePeriodSeconds: 0,
        propagationPolicy: 'Background',
      },
    )
})
