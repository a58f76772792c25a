import assert from 'node:assert/strict'
import { chmod, chown, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { runCommand } from '../host/exec.ts'
import { classesOfFile, type DeviceClass } from './device-class.ts'
import { scanDevices, watchedFolders } from './scan.ts'

const skip = process.getuid?.() === 0 ? false : 'needs root to make devices'

test('a device of paths is there when all of them are; links lead to the real file', { skip }, async (t) => {
  const machine = await aMachine(t)
  const both = machine.classes({ name: 'camera', paths: ['dev/video0', 'dev/media0'] })
  await machine.device('dev/video0', 81, 3, 44, 0o660)
  assert.deepEqual(await machine.filesOf(both), [[`${machine.folder}/dev/video0,${machine.folder}/dev/media0`, []]])
  await machine.device('dev/real7', 300, 70_000, 44, 0o640)
  await symlink('real7', join(machine.folder, 'dev/media0'))
  const [camera] = await machine.scan(both)
  assert.deepEqual(camera?.files, [
    { hostPath: `${machine.folder}/dev/video0`, containerPath: `${machine.folder}/dev/video0`, number: '81:3', groupId: 44, mode: 0o660 },
    {
      hostPath: `${machine.folder}/dev/real7`,
      containerPath: `${machine.folder}/dev/media0`,
      number: '300:70000',
      groupId: 44,
      mode: 0o640,
    },
  ])
})

test('a file or a folder is no device, nor is a link that leads nowhere', { skip }, async (t) => {
  const machine = await aMachine(t)
  await mkdir(join(machine.folder, 'dev/folder'), { recursive: true })
  await writeFile(join(machine.folder, 'dev/file'), '')
  await symlink('nowhere', join(machine.folder, 'dev/link'))
  await symlink('loop', join(machine.folder, 'dev/loop'))
  for (const name of ['folder', 'file', 'link', 'loop', 'absent/deep'])
    assert.deepEqual((await machine.filesOf(machine.classes({ name: 'x', paths: [`dev/${name}`] })))[0]?.[1], [], name)
})

test('each file that fits a pattern is one; a path with a pattern is the first of them, under its own name in the container', {
  skip,
}, async (t) => {
  const machine = await aMachine(t)
  for (const minor of [1, 0]) await machine.device(`dev/serial/by-id/usb-FTDI-${minor}`, 188, minor)
  assert.deepEqual(
    (await machine.filesOf(machine.classes({ name: 'serial', each: ['dev/serial/by-id/*', 'dev/none/*'] }))).map(([id]) => id),
    [0, 1].map((minor) => `${machine.folder}/dev/serial/by-id/usb-FTDI-${minor}`),
  )
  const [modem] = await machine.scan(
    classesOfFile({ devices: [{ name: 'modem', paths: [`${machine.folder}/dev/serial/by-id/usb-*`], as: '/dev/modem' }] }),
  )
  assert.deepEqual(
    modem?.files.map(({ number, containerPath }) => [number, containerPath]),
    [['188:0', '/dev/modem']],
  )
})

test('a USB device is found by vendor and product, with the files of its drivers, without what is plugged into it', { skip }, async (t) => {
  const machine = await aMachine(t)
  const webcam: DeviceClass = { name: 'webcam', source: { type: 'usb', vendor: '046d', product: '0825' }, permissions: 'rw', sharedBy: 1 }
  for (const [socket, serial] of [
    ['1-1', 'A1'],
    ['1-2', 'A1'],
    ['1-3', undefined],
  ] as const) {
    const at = `usb/${socket}`
    await machine.text(`${at}/idVendor`, '046d\n')
    await machine.text(`${at}/idProduct`, '0825\n')
    if (serial) await machine.text(`${at}/serial`, `${serial}\n`)
    await machine.text(`${at}/uevent`, `MAJOR=189\nDEVNAME=bus/usb/001/${socket}\n`)
    await machine.text(`${at}/${socket}:1.0/video4linux/video${socket}/uevent`, `DEVNAME=video${socket}\n`)
    await machine.text(`${at}/${socket}.1/idVendor`, 'ffff\n')
    await machine.text(`${at}/${socket}.1/uevent`, 'DEVNAME=other\n')
    await machine.device(`dev/bus/usb/001/${socket}`, 189, Number(socket.at(-1)))
    await machine.device(`dev/video${socket}`, 81, Number(socket.at(-1)))
  }
  await machine.device('dev/other', 1, 3)
  await machine.text('usb/2-1/idVendor', '046d\n')
  await machine.text('usb/2-1/idProduct', 'ffff\n')
  const found = await machine.scan([webcam])
  assert.deepEqual(
    found.map(({ id, files }) => [id, files.map(({ hostPath }) => hostPath.slice(machine.folder.length + 1))]),
    [
      ['usb:046d:0825:A1', ['dev/bus/usb/001/1-1', 'dev/video1-1']],
      ['usb:046d:0825:1-2', ['dev/bus/usb/001/1-2', 'dev/video1-2']],
      ['usb:046d:0825:1-3', ['dev/bus/usb/001/1-3', 'dev/video1-3']],
    ],
    'two of one serial number are told apart by their sockets',
  )
})

test('folders are watched where devices come and go, /dev itself is not', () => {
  const classes = classesOfFile({
    devices: [
      { name: 'gpio', paths: ['/dev/gpiochip0'] },
      { name: 'serial', each: ['/dev/serial/by-id/*'] },
      { name: 'webcam', usb: '046d:0825' },
    ],
  })
  assert.deepEqual(watchedFolders(classes), ['/dev/serial/by-id', '/sys/bus/usb/devices'])
})

async function aMachine(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-devices-'))
  t.after(() => rm(folder, { recursive: true }))
  const places = { usbFolder: join(folder, 'usb'), devFolder: join(folder, 'dev') }
  const scan = (classes: readonly DeviceClass[]) => scanDevices(classes, places)
  await mkdir(places.devFolder)
  return {
    folder,
    scan,
    /** Paths are below the machine's folder. */
    classes: ({ name, paths, each }: { name: string; paths?: string[]; each?: string[] }) => {
      const at = (files: string[]): string[] => files.map((file) => join(folder, file))
      return classesOfFile({ devices: [{ name, ...(paths && { paths: at(paths) }), ...(each && { each: at(each) }) }] })
    },
    filesOf: async (classes: readonly DeviceClass[]) => (await scan(classes)).map(({ id, files }) => [id, files] as const),
    text: async (path: string, content: string) => {
      await mkdir(dirname(join(folder, path)), { recursive: true })
      await writeFile(join(folder, path), content)
    },
    device: async (path: string, major: number, minor: number, groupId = 0, mode = 0o600) => {
      await mkdir(dirname(join(folder, path)), { recursive: true })
      await runCommand('mknod', [join(folder, path), 'c', String(major), String(minor)])
      await chown(join(folder, path), 0, groupId)
      await chmod(join(folder, path), mode)
    },
  }
}
