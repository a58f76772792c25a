import { createHmac } from 'node:crypto'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { readNow } from '../host/read-now.ts'
import { boardNumbers } from './board/texts.ts'

/** What this machine can tell of itself, so that it is recognised with a new card, and a copied card is. Empty where it cannot. */
export interface DeviceFacts {
  /** Of the board, hexadecimal. */
  readonly serial: string
  /** machine-id(5), hashed for us alone: the raw one is a secret of the machine's. */
  readonly machineId: string
  readonly hostname: string
  /** e.g. `Raspberry Pi 5 Model B Rev 1.0`. */
  readonly model: string
}

/** What systemd's `sd_id128_get_machine_app_specific` is given for us; made once, never changed. */
const APP_ID = '6a1f27c0e5b24d7f9c3b8e40d2a95c61'

/** @param root Another one for tests. */
export function deviceFacts(root = '/'): DeviceFacts {
  const line = (path: string): string => readNow(join(root, path)).replaceAll('\0', '').trim()
  return {
    serial: boardSerial(root),
    machineId: machineForUs(line('etc/machine-id')),
    hostname: hostname(),
    model:
      line('sys/firmware/devicetree/base/model') ||
      [line('sys/class/dmi/id/sys_vendor'), line('sys/class/dmi/id/product_name')].join(' ').trim(),
  }
}

/** Of a board with a device tree, lower case; '' for other machines, whose numbers are of their own kind, and for all zeros. */
export function boardSerial(root = '/'): string {
  const told = readNow(join(root, 'sys/firmware/devicetree/base/serial-number')).replaceAll('\0', '').trim().toLowerCase()
  const serial = told || (boardNumbers(readNow(join(root, 'proc/cpuinfo'))).serial ?? '')
  return /^(?=.*[1-9a-f])[0-9a-f]{8,32}$/.test(serial) ? serial : ''
}

/**
 * What `systemd-id128 machine-id --app-specific` prints for us; '' for what is no machine id.
 * @see Source: systemd, sd_id128_get_machine_app_specific(3): HMAC-SHA256 of the application's id, keyed by the machine's, as a UUID of version 4.
 */
export function machineForUs(machineId: string): string {
  if (!/^[0-9a-f]{32}$/.test(machineId) || /^0+$/.test(machineId)) return ''
  const hash = createHmac('sha256', Buffer.from(machineId, 'hex')).update(Buffer.from(APP_ID, 'hex')).digest().subarray(0, 16)
  hash[6] = (hash[6]! & 0x0f) | 0x40
  hash[8] = (hash[8]! & 0x3f) | 0x80
  return hash.toString('hex')
}
