import { hostname } from 'node:os'
import { boardSerial } from './device-facts.ts'

/** Host names that systems come with: two machines with one of them are no wonder. */
const GENERIC: ReadonlySet<string> = new Set(['raspberrypi', 'localhost', 'localhost.localdomain', 'debian', 'ubuntu'])
const SERIAL_DIGITS = 8

/**
 * What a node is called whose operator did not say: its host name, or after its board where the host name is one that systems come with.
 *
 * @param host e.g. `Raspberry_Pi.local`: lower case, and what is not allowed becomes "-". @param serial '' where the board has none.
 */
export function defaultNodeName(host: string = hostname(), serial: string = boardSerial()): string {
  const name = asNodeName(host)
  return GENERIC.has(name) && serial !== '' ? `bramble-${serial.slice(-SERIAL_DIGITS)}` : name
}

const asNodeName = (host: string): string =>
  host
    .toLowerCase()
    .replace(/[^a-z0-9.-]/g, '-')
    .slice(0, 63)
    .replace(/^[-.]+|[-.]+$/g, '')
    .replace(/-*\.[-.]*/g, '.') || 'node'
