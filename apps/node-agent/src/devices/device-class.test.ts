import assert from 'node:assert/strict'
import { test } from 'node:test'
import { classesOfFile, classOfFlag, fitsPattern } from './device-class.ts'

const usual = { permissions: 'rw', sharedBy: 1 }
for (const [flag, expected] of [
  ['gpio=/dev/gpiochip0', { name: 'gpio', source: { type: 'paths', paths: ['/dev/gpiochip0'] }, ...usual }],
  [
    'camera=/dev/video0,/dev/media0:r',
    { name: 'camera', source: { type: 'paths', paths: ['/dev/video0', '/dev/media0'] }, ...usual, permissions: 'r' },
  ],
  ['serial=/dev/serial/by-id/*', { name: 'serial', source: { type: 'each', patterns: ['/dev/serial/by-id/*'] }, ...usual }],
  ['webcam=usb:046D:0825', { name: 'webcam', source: { type: 'usb', vendor: '046d', product: '0825' }, ...usual }],
  ['webcam=usb:046d:0825:r', { name: 'webcam', source: { type: 'usb', vendor: '046d', product: '0825' }, ...usual, permissions: 'r' }],
] as const)
  test(`--device ${flag}`, () => assert.deepEqual(classOfFlag(flag), expected))

for (const flag of [
  'gpio',
  '=/dev/x',
  'a=dev/x',
  'a=/dev/x:',
  'a=/dev/x:rx',
  'a=/dev/x:rr',
  '-a=/dev/x',
  'a=/dev/*/x',
  'a=/dev/../etc/shadow',
  'a=usb:46d:825',
])
  test(`--device ${flag} is none`, () => assert.throws(() => classOfFlag(flag), { name: 'DeviceError' }))

test('a file of devices', () => {
  const devices = [
    { name: 'gpio', paths: ['/dev/gpiochip0', '/dev/gpiomem'], shared: 8 },
    { name: 'serial', each: ['/dev/serial/by-id/*'], permissions: 'rwm' },
    { name: 'modem', paths: ['/dev/serial/by-id/usb-Huawei*-if00'], as: '/dev/modem' },
    { name: 'webcam', usb: '046d:0825' },
  ]
  assert.deepEqual(
    classesOfFile({ devices }).map(({ name, sharedBy, as, permissions }) => [name, sharedBy, as, permissions]),
    [
      ['gpio', 8, undefined, 'rw'],
      ['serial', 1, undefined, 'rwm'],
      ['modem', 1, '/dev/modem', 'rw'],
      ['webcam', 1, undefined, 'rw'],
    ],
  )
})

for (const [content, words] of [
  [undefined, /it has no list "devices"/],
  [{ devices: [1] }, /devices\[0\]: it is no object/],
  [{ devices: [{ name: 'a', paths: ['/dev/x'], path: '/dev/y' }] }, /devices\[0\]: "path" is no field/],
  [{ devices: [{ name: 'a b', paths: ['/dev/x'] }] }, /its name must be/],
  [{ devices: [{ name: 'a' }] }, /one of paths, each and usb/],
  [{ devices: [{ name: 'a', paths: ['/dev/x'], usb: '1:2' }] }, /one of paths, each and usb/],
  [{ devices: [{ name: 'a', usb: '46d:825' }] }, /four hexadecimal digits/],
  [{ devices: [{ name: 'a', usb: 0x046d }] }, /four hexadecimal digits/],
  [{ devices: [{ name: 'a', paths: ['relative'] }] }, /absolute/],
  [{ devices: [{ name: 'a', paths: [] }] }, /absolute/],
  [{ devices: [{ name: 'a', paths: ['/dev/x'], shared: 0 }] }, /shared must be/],
  [{ devices: [{ name: 'a', paths: ['/dev/x', '/dev/y'], as: '/dev/z' }] }, /as must be/],
  [{ devices: [{ name: 'a', paths: ['/dev/x'], as: '/etc/passwd' }] }, /as must be/],
] as const)
  test(`a file of devices that is refused: ${words.source}`, () => assert.throws(() => classesOfFile(content), words))

test('patterns', () => {
  assert.equal(fitsPattern('ttyUSB*', 'ttyUSB0'), true)
  assert.equal(fitsPattern('ttyUSB?', 'ttyUSB10'), false)
  assert.equal(fitsPattern('usb-FTDI.*', 'usb-FTDIx'), false)
  assert.equal(fitsPattern('*', '.hidden'), false)
})
