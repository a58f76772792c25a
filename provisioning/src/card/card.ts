import type { StaticAddress } from './address.ts'
import type { Wifi } from './wifi.ts'

export const RUNTIMES = ['auto', 'podman', 'containerd'] as const
export type RuntimeChoice = (typeof RUNTIMES)[number]

/** What one Pi is to become, checked: nothing in it needs quoting or doubting again. */
export interface CardSettings {
  /** Undefined: the Pi names itself after its serial number, bramble-<last 8 hex digits>. */
  readonly hostname: string | undefined
  /** 16 hex digits, when the card is for one Pi only. */
  readonly serial: string | undefined
  /** Gets the keys and sudo, and no password. */
  readonly user: string
  readonly sshKeys: readonly string[]
  readonly wifi: Wifi | undefined
  /** ISO 3166 alpha-2, one that the Linux kernel has radio rules for. */
  readonly country: string | undefined
  readonly timezone: string | undefined
  /** Of the Wi-Fi when there is one, else of the Ethernet. */
  readonly staticAddress: StaticAddress | undefined
  readonly server: string
  readonly streamPort: number
  readonly labels: readonly string[]
  readonly taints: readonly string[]
  readonly runtime: RuntimeChoice
  readonly metered: boolean
}

/** {@link CardSettings} and the one secret that lets this card's Pi join. */
export interface Card extends CardSettings {
  readonly token: string
}

/** What is wrong with one option, in words that begin after its name. */
export interface Problem {
  /** As on the command line, without dashes; columns of cards.csv have the same names. */
  readonly option: string
  readonly message: string
}

/** A card that cannot be written as asked; the message says why and what to do. */
export class CardError extends Error {
  override readonly name = 'CardError'
}

/** The name that the Pi with this serial takes when it is given none. */
export const nameOfSerial = (serial: string): string => `bramble-${serial.slice(-8)}`
