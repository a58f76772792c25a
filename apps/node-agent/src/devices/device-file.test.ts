import assert from 'node:assert/strict'
import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { silentLog } from '@bramble/reconcile/log'
import { deviceClasses } from './device-file.ts'

test('the file of devices is read again when it changes; what is wrong with it is told once and what was there stays', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-device-file-'))
  t.after(() => rm(folder, { recursive: true }))
  const path = join(folder, 'devices.yaml')
  const told: string[] = []
  const classes = deviceClasses({
    flags: ['gpio=/dev/gpiochip0'],
    path,
    log: silentLog,
    tellNode: (_type, reason, message) => told.push(`${reason}: ${message}`),
  })
  const names = async (): Promise<readonly string[]> => (await classes()).map(({ name }) => name)
  let atMs = 0
  const write = async (text: string): Promise<void> => {
    await writeFile(path, text)
    await utimes(path, ++atMs, atMs)
  }

  assert.deepEqual(await names(), ['gpio'], 'no file')
  await write('devices:\n- name: serial\n  each: ["/dev/serial/by-id/*"]\n')
  assert.deepEqual(await names(), ['gpio', 'serial'])
  await write('{"devices": [{"name": "webcam", "usb": "046d:0825"}]}')
  assert.deepEqual(await names(), ['gpio', 'webcam'])
  await write('devices:\n- name: broken\n')
  assert.deepEqual(
    [await names(), await names()],
    [
      ['gpio', 'webcam'],
      ['gpio', 'webcam'],
    ],
  )
  await write('devices: [&a {name: x, paths: [/dev/x]}, *a, *a]')
  assert.deepEqual(await names(), ['gpio', 'webcam'])
  assert.equal(told.length, 2)
  assert.equal(told[0], `InvalidDevices: ${path}: devices[0]: it must have one of paths, each and usb`)
  await rm(path)
  assert.deepEqual(await names(), ['gpio'])
})
