import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hasFormat } from './formats.ts'

const FORMATS: Readonly<Record<string, { readonly good: readonly string[]; readonly bad: readonly string[] }>> = {
  date: { good: ['2024-02-29'], bad: ['2023-02-29', '24-01-01', '2024-13-01', ''] },
  'date-time': {
    good: ['2024-01-01T00:00:00Z', '2024-01-01T00:00:00.5+01:00', '2024-01-01t00:00:00z'],
    bad: ['2024-01-01', '2024-01-01T25:00:00Z', '2024-01-01T00:00:00'],
  },
  duration: { good: ['1h30m', '-1.5s', '0', '3 days', '5ms'], bad: ['1x', 'h', ''] },
  ipv4: { good: ['10.0.0.1'], bad: ['10.0.0.256', '::1'] },
  ipv6: { good: ['::1', '2001:db8::1'], bad: ['10.0.0.1', 'fe80::1%eth0'] },
  cidr: { good: ['10.0.0.0/8', '::/0'], bad: ['10.0.0.0', '10.0.0.0/33', '/8'] },
  uri: { good: ['https://example.com/a', '/a', 'mailto:a@b'], bad: ['a b', 'example', '%zz'] },
  email: { good: ['a@example.com', 'Anna <a@example.com>'], bad: ['a', 'a@', '@b', 'a b@c'] },
  hostname: { good: ['example.com', 'a'], bad: ['-a', 'a..b', '', 'a_b'] },
  uuid: { good: ['0EA6CA54-c9ce-11ec-9d64-0242ac120002'], bad: ['0ea6ca54', 'x'] },
  uuid4: { good: ['f47ac10b-58cc-4372-a567-0e02b2c3d479'], bad: ['f47ac10b-58cc-1372-a567-0e02b2c3d479'] },
  byte: { good: ['', 'eA=='], bad: ['x', '=='] },
  mac: { good: ['01:23:45:67:89:ab'], bad: ['01:23'] },
  isbn: { good: ['978-3-16-148410-0', '0-306-40615-2'], bad: ['978-3-16-148410-1', 'x'] },
  creditcard: { good: ['4539 1488 0343 6467'], bad: ['1234567890123456', 'x'] },
  ssn: { good: ['111-11-1111'], bad: ['11'] },
  hexcolor: { good: ['#fff', 'ff00ff'], bad: ['#ff'] },
  rgbcolor: { good: ['rgb(1, 2,255)'], bad: ['rgb(256,0,0)'] },
  bsonobjectid: { good: ['507f1f77bcf86cd799439011'], bad: ['x'] },
  'k8s-short-name': { good: ['web-1'], bad: ['Web', 'a.b'] },
  'k8s-long-name': { good: ['a.b'], bad: ['a_b'] },
  password: { good: ['', 'x'], bad: [] },
  'no-such-format': { good: ['x'], bad: [] },
}

for (const [format, { good, bad }] of Object.entries(FORMATS))
  test(`format ${format}`, () => {
    for (const text of good) assert.equal(hasFormat(format, text), true, text)
    for (const text of bad) assert.equal(hasFormat(format, text), false, text)
  })
