import type { Dirent, Stats } from 'node:fs'
import { readdir, readFile, realpath, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { isMissing } from '../host/files.ts'
import { type DeviceClass, fitsPattern, isPattern } from './device-class.ts'
import type { Device, DeviceFile } from './plan.ts'

/** Where the kernel shows devices. Tests have their own. */
export interface DevicePlaces {
  readonly usbFolder: string
  readonly devFolder: string
}

export const DEVICE_PLACES: DevicePlaces = { usbFolder: '/sys/bus/usb/devices', devFolder: '/dev' }

/** Of a USB device and the drivers below it. */
const SYSFS_DEPTH_MAX = 7

/** What is there now. Devices with a path of their own are listed even when they are not; those of a pattern or of USB are not. */
export async function scanDevices(classes: readonly DeviceClass[], places: DevicePlaces = DEVICE_PLACES): Promise<readonly Device[]> {
  const found: Device[] = []
  for (const deviceClass of classes)
    for (const device of await devicesOf(deviceClass, places))
      if (!found.some(({ className, id }) => className === device.className && id === device.id)) found.push(device)
  return found
}

/** Folders in which a file may come or go that a class names; `/dev` itself is not one: whatever is written to any device tells there. */
export const watchedFolders = (
  classes: readonly DeviceClass[],
  { devFolder, usbFolder }: DevicePlaces = DEVICE_PLACES,
): readonly string[] => {
  const files = classes.flatMap(({ source }) =>
    source.type === 'usb' ? [join(usbFolder, '*')] : source.type === 'paths' ? source.paths : source.patterns,
  )
  return [...new Set(files.map((path) => dirname(path)))].filter((folder) => folder !== devFolder)
}

async function devicesOf(deviceClass: DeviceClass, places: DevicePlaces): Promise<readonly Device[]> {
  const { source, name, permissions, sharedBy, as } = deviceClass
  const device = (id: string, files: readonly DeviceFile[]): Device => ({ className: name, id, permissions, sharedBy, files })
  switch (source.type) {
    case 'paths': {
      const files: DeviceFile[] = []
      for (const path of source.paths) {
        const [first] = isPattern(path) ? await fitting(path) : [path]
        const file = first === undefined ? undefined : await deviceFile(first, as)
        if (file) files.push(file)
      }
      return [device(source.paths.join(','), files.length === source.paths.length ? files : [])]
    }
    case 'each': {
      const paths = (await Promise.all(source.patterns.map((pattern) => (isPattern(pattern) ? fitting(pattern) : [pattern])))).flat()
      const devices = await Promise.all(
        paths.map(async (path) =>
          device(
            path,
            [await deviceFile(path)].filter((file) => file !== undefined),
          ),
        ),
      )
      return devices.filter(({ files }) => files.length > 0)
    }
    case 'usb':
      return (await usbDevices(source.vendor, source.product, places)).map(({ id, files }) => device(id, files))
  }
}

async function fitting(pattern: string): Promise<readonly string[]> {
  const names = await unlessMissing(readdir(dirname(pattern)), [])
  return names
    .filter((name) => fitsPattern(basename(pattern), name))
    .sort()
    .map((name) => join(dirname(pattern), name))
}

/** undefined when it is none, or not there. Links, as udev makes them for stable names, lead to the real file. */
async function deviceFile(path: string, as = path): Promise<DeviceFile | undefined> {
  const hostPath = await unlessMissing(realpath(path), undefined)
  const stats = hostPath === undefined ? undefined : await unlessMissing<Stats | undefined>(stat(hostPath), undefined)
  if (hostPath === undefined || !stats || !(stats.isCharacterDevice() || stats.isBlockDevice())) return undefined
  return { hostPath, containerPath: as, number: numberOf(stats.rdev), groupId: stats.gid, mode: stats.mode & 0o777 }
}

/** Source: glibc gnu_dev_major, gnu_dev_minor. */
const numberOf = (device: number): string => {
  const bits = BigInt(device)
  const major = ((bits >> 8n) & 0xfffn) | ((bits >> 32n) & ~0xfffn)
  const minor = (bits & 0xffn) | ((bits >> 12n) & ~0xffn)
  return `${major}:${minor}`
}

interface UsbDevice {
  readonly id: string
  readonly files: readonly DeviceFile[]
}

/** One of several alike is told from the others by its serial number, or else by the socket that it is plugged into. */
async function usbDevices(vendor: string, product: string, { usbFolder, devFolder }: DevicePlaces): Promise<readonly UsbDevice[]> {
  const found: UsbDevice[] = []
  for (const socket of (await unlessMissing(readdir(usbFolder), [])).sort()) {
    const folder = join(usbFolder, socket)
    const text = async (name: string): Promise<string> => (await unlessMissing(readFile(join(folder, name), 'utf8'), '')).trim()
    if ((await text('idVendor')) !== vendor || (await text('idProduct')) !== product) continue
    const names = await deviceNames(await realpath(folder), SYSFS_DEPTH_MAX)
    const files = await Promise.all(names.map((name) => deviceFile(join(devFolder, name))))
    const serial = (await text('serial')).replace(/\s+/g, '-')
    const id = `usb:${vendor}:${product}:${serial === '' || found.some((other) => other.id.endsWith(`:${serial}`)) ? socket : serial}`
    found.push({ id, files: files.filter((file) => file !== undefined) })
  }
  return found.filter(({ files }) => files.length > 0)
}

/** Of a device of sysfs and all below it, as the kernel names them below /dev. Other devices that are plugged into it are not its own. */
async function deviceNames(folder: string, depth: number): Promise<readonly string[]> {
  const event = await unlessMissing(readFile(join(folder, 'uevent'), 'utf8'), '')
  const own = /^DEVNAME=(.+)$/m.exec(event)?.[1]
  const entries = depth === 0 ? [] : await unlessMissing<Dirent[]>(readdir(folder, { withFileTypes: true }), [])
  const below: string[] = []
  for (const entry of entries) {
    if (!entry.isDirectory()) continue
    const isOtherDevice = await unlessMissing(
      stat(join(folder, entry.name, 'idVendor')).then(() => true),
      false,
    )
    if (!isOtherDevice) below.push(...(await deviceNames(join(folder, entry.name), depth - 1)))
  }
  return [...new Set([...(own === undefined ? [] : [own]), ...below])].sort()
}

/** Devices go while they are looked at. */
async function unlessMissing<T>(answer: Promise<T>, otherwise: T): Promise<T> {
  try {
    return await answer
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? ''
    if (isMissing(error) || ['ENODEV', 'ENXIO', 'EIO', 'ELOOP'].includes(code)) return otherwise
    throw error
  }
}
