import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { base64, newKey, requestOf, requestPem } from './certificate-request.fixture.ts'
import { parseCertificateRequest } from './certificate-request.ts'

const namesIn = (request: string): readonly unknown[] => {
  const { commonName, organizations } = parseCertificateRequest(request)
  return [commonName, organizations]
}
const pem = requestPem('/O=dev/O=ops/CN=jane')
const der = Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64')
const wrapped = (bytes: Uint8Array): string =>
  base64(`-----BEGIN CERTIFICATE REQUEST-----\n${Buffer.from(bytes).toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`)

for (const sort of ['P-256', 'P-384', 'RSA', 'Ed25519'] as const)
  test(`a request with a key of ${sort} says who asks`, () =>
    assert.deepEqual(namesIn(requestOf('/O=dev/O=ops/CN=jane', newKey(sort))), ['jane', ['dev', 'ops']]))

test('names of several values and of many alphabets are read', () => {
  assert.deepEqual(namesIn(base64(requestPem('/O=dev+OU=x/CN=jane', undefined, ['-multivalue-rdn']))), ['jane', ['dev']])
  assert.deepEqual(namesIn(base64(requestPem('/O=Müller/CN=Zoë', undefined, ['-utf8']))), ['Zoë', ['Müller']])
  assert.deepEqual(namesIn(base64(requestPem('/', undefined))), ['', []])
})

test('a name in two octets a letter is the same name', () => {
  const text = Buffer.from('dev', 'utf16le').swap16()
  const at = der.indexOf(Buffer.from([0x0c, 3, ...Buffer.from('dev')]))
  const wide = Buffer.concat([der.subarray(0, at), Buffer.from([30, text.length]), text, der.subarray(at + 5)])
  for (const place of lengthsAround(wide, at)) wide[place]! += 3
  assert.throws(() => parseCertificateRequest(wrapped(wide)), /ECDSA verification failure/) // read as far as its signature
})

test('what is no request is refused in the words of Go', () => {
  const refusal = (request: string): string => {
    try {
      parseCertificateRequest(request)
      return 'none'
    } catch (error) {
      return (error as Error).message
    }
  }
  const flipped = Buffer.from(der)
  flipped[flipped.length - 1]! ^= 1
  assert.equal(refusal(base64('x')), 'PEM block type must be CERTIFICATE REQUEST')
  assert.equal(refusal(base64(pem.replaceAll('CERTIFICATE REQUEST', 'CERTIFICATE'))), 'PEM block type must be CERTIFICATE REQUEST')
  assert.equal(refusal(wrapped(flipped)), 'x509: ECDSA verification failure')
  assert.equal(refusal(wrapped(der.subarray(0, 40))), 'asn1: syntax error: data truncated')
  assert.equal(refusal(wrapped(Buffer.concat([der, der]))), 'asn1: syntax error: trailing data')
  assert.equal(refusal(requestOf('/CN=a', newKey('secp256k1'))), 'x509: unsupported elliptic curve')
})

test('whatever bytes come, they are a request or an error', () => {
  const change = fc.record({ at: fc.nat(der.length - 1), value: fc.nat(255) })
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
      const bytes = Buffer.from(der)
      for (const { at, value } of changes) bytes[at] = value
      if (bytes.equals(der)) return
      assert.throws(() => parseCertificateRequest(wrapped(bytes)), Error)
    }),
    { seed: 11, numRuns: 300 },
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => void assert.throws(() => parseCertificateRequest(wrapped(bytes)), Error)),
    { seed: 12, numRuns: 300 },
  )
})

/** Where the lengths stand of all that holds what is at `at`: each of them one octet here but the first. */
function lengthsAround(bytes: Uint8Array, at: number): readonly number[] {
  const places: number[] = []
  for (let start = 0; start < at; ) {
    const long = bytes[start + 1]! & 0x80 ? bytes[start + 1]! & 0x7f : 0
    const length = long ? Number(`0x${Buffer.from(bytes.subarray(start + 2, start + 2 + long)).toString('hex')}`) : bytes[start + 1]!
    const from = start + 2 + long
    if (from + length <= at) {
      start = from + length
      continue
    }
    places.push(from - 1)
    start = from
  }
  return places
}
