// Pure: what an operator wrote about devices.
import { fitsGlob } from '../host/glob.ts'

/** One kind of device that pods may ask for, as `bramble.dev/<name>`. */
export interface DeviceClass {
  readonly name: string
  readonly source: DeviceSource
  /** Of `r`, `w`, `m`, as the kernel's device cgroup has them. */
  readonly permissions: string
  /** Containers that may have the same device at a time. */
  readonly sharedBy: number
  /** Path in the container, for a device of one file. */
  readonly as?: string
}

export type DeviceSource =
  /** Together they are one device. A last part with `*` or `?` stands for the first file that fits. */
  | { readonly type: 'paths'; readonly paths: readonly string[] }
  /** Each file that fits is one device. */
  | { readonly type: 'each'; readonly patterns: readonly string[] }
  /** Each USB device of that vendor and product, with all its files. Four hexadecimal digits each. */
  | { readonly type: 'usb'; readonly vendor: string; readonly product: string }

export const DEVICE_DOMAIN = 'bramble.dev/'

/** What is wrong with the description of a device; for people. */
export class DeviceError extends Error {
  override readonly name = 'DeviceError'
}

/** Of `--device`: `gpio=/dev/gpiochip0`, `camera=/dev/video0,/dev/media0:r`, `serial=/dev/serial/by-id/*`, `webcam=usb:046d:0825`. */
export const DEVICE_PATTERN =
  /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?=(usb:[0-9a-fA-F]{4}:[0-9a-fA-F]{4}|\/[^,:\s]+(,\/[^,:\s]+)*)(:[rwm]{1,3})?$/

/** @throws DeviceError */
export function classOfFlag(flag: string): DeviceClass {
  if (!DEVICE_PATTERN.test(flag)) throw new DeviceError(`"${flag}" is no device: write it as name=/dev/…[,/dev/…][:rw]`)
  const equals = flag.indexOf('=')
  const usb = /^usb:(\w{4}:\w{4})(?::(\w+))?$/.exec(flag.slice(equals + 1))
  const [paths = '', permissions] = usb ? [] : flag.slice(equals + 1).split(':')
  const files = paths.split(',')
  const isEach = files.length === 1 && isPattern(files[0]!)
  return deviceClass({
    name: flag.slice(0, equals),
    ...(usb ? { usb: usb[1] } : isEach ? { each: files } : { paths: files }),
    permissions: usb ? usb[2] : permissions,
  })
}

/** Of the file of devices, `{"devices": […]}` once it is parsed. @throws DeviceError that names the entry. */
export function classesOfFile(content: unknown): readonly DeviceClass[] {
  const devices = isObject(content) ? content['devices'] : undefined
  if (!Array.isArray(devices)) throw new DeviceError('it has no list "devices"')
  return devices.map((entry: unknown, index) => {
    try {
      if (!isObject(entry)) throw new DeviceError('it is no object')
      return deviceClass(entry)
    } catch (error) {
      throw new DeviceError(`devices[${index}]: ${(error as Error).message}`)
    }
  })
}

const FIELDS: ReadonlySet<string> = new Set(['name', 'paths', 'each', 'usb', 'permissions', 'shared', 'as'])

function deviceClass(entry: Readonly<Record<string, unknown>>): DeviceClass {
  const unknown = Object.keys(entry).find((field) => !FIELDS.has(field))
  if (unknown !== undefined) throw new DeviceError(`"${unknown}" is no field of a device`)
  const { name, permissions = 'rw', shared = 1, as } = entry
  if (typeof name !== 'string' || !/^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/.test(name))
    throw new DeviceError('its name must be letters, digits, "-", "_" or ".", at most 63')
  if (typeof permissions !== 'string' || !/^(?!.*(.).*\1)[rwm]{1,3}$/.test(permissions))
    throw new DeviceError('permissions must be of "r", "w" and "m"')
  if (typeof shared !== 'number' || !Number.isInteger(shared) || shared < 1 || shared > SHARED_MAX)
    throw new DeviceError(`shared must be a whole number from 1 to ${SHARED_MAX}`)
  const source = sourceOf(entry)
  if (as !== undefined && (typeof as !== 'string' || !as.startsWith('/dev/') || source.type !== 'paths' || source.paths.length > 1))
    throw new DeviceError('as must be a path below /dev/, for a device of one path')
  return { name, source, permissions, sharedBy: shared, ...(typeof as === 'string' && { as }) }
}

const SHARED_MAX = 1_000

function sourceOf({ paths, each, usb }: Readonly<Record<string, unknown>>): DeviceSource {
  if ([paths, each, usb].filter((source) => source !== undefined).length !== 1)
    throw new DeviceError('it must have one of paths, each and usb')
  if (usb !== undefined) {
    const found = typeof usb === 'string' ? /^([0-9a-f]{4}):([0-9a-f]{4})$/i.exec(usb) : null
    if (!found) throw new DeviceError('usb must be "vendor:product", four hexadecimal digits each, in quotes')
    return { type: 'usb', vendor: found[1]!.toLowerCase(), product: found[2]!.toLowerCase() }
  }
  const files = paths ?? each
  if (!Array.isArray(files) || files.length === 0 || !files.every(isFile))
    throw new DeviceError('paths must be absolute; only their last part may have "*" or "?"')
  return paths !== undefined ? { type: 'paths', paths: files } : { type: 'each', patterns: files }
}

const isFile = (path: unknown): path is string =>
  typeof path === 'string' && /^\/([^/*?\s]+\/)*[^/\s]+$/.test(path) && !path.split('/').includes('..')
export const isPattern = (path: string): boolean => /[*?]/.test(path)

/** Whether a file's name fits the last part of a pattern. */
export const fitsPattern = (pattern: string, name: string): boolean => fitsGlob(pattern, name) && !name.startsWith('.')

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
