import { pbkdf2Sync } from 'node:crypto'

export interface Wifi {
  readonly ssid: string
  /** 64 hex digits; undefined for a network without a passphrase. */
  readonly pskHex: string | undefined
  readonly isHidden: boolean
}

const SSID_BYTES_MAX = 32

/** Why `ssid` can be the name of no network. */
export function ssidProblem(ssid: string): string | undefined {
  const bytes = Buffer.byteLength(ssid)
  if (bytes === 0) return 'must not be empty'
  if (bytes > SSID_BYTES_MAX) return `is ${bytes} bytes long; the name of a network has at most ${SSID_BYTES_MAX}`
  if (/[\0\r\n]/.test(ssid)) return 'must be one line of text'
  return undefined
}

/** Why `passphrase` cannot open a WPA network. Says nothing of what it is. */
export function passphraseProblem(passphrase: string): string | undefined {
  if (/^[0-9a-fA-F]{64}$/.test(passphrase)) return undefined
  const bytes = Buffer.byteLength(passphrase)
  if (bytes < 8 || bytes > 63) return `must have 8 to 63 characters, or be a key of 64 hex digits; this has ${bytes}`
  if (/[\x00-\x1f\x7f]/.test(passphrase)) return 'must not hold control characters'
  return undefined
}

/**
 * The key of a WPA2 network (IEEE 802.11i, annex H.4): what a card holds instead of the passphrase. 64 hex digits are such a key already.
 * It opens this network and no other; networks that speak WPA3 alone do not take it.
 */
export function pskOf(ssid: string, passphrase: string): string {
  if (/^[0-9a-fA-F]{64}$/.test(passphrase)) return passphrase.toLowerCase()
  return pbkdf2Sync(passphrase, ssid, 4096, 32, 'sha1').toString('hex')
}
