import { isIP, isIPv4 } from 'node:net'
import type { Rule } from './rules.ts'

/** An IPv4 network: base address and prefix length. */
export interface Network {
  readonly base: number
  readonly prefix: number
}

/** @returns Unsigned 32 bit number; undefined when the text is no IPv4 address in its canonical form. */
export const ipv4Number = (text: string): number | undefined =>
  isIPv4(text) ? text.split('.').reduce((sum, part) => sum * 256 + Number(part), 0) : undefined

export const ipv4Text = (address: number): string => [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.')

/** `10.43.0.0/16`; undefined when it is no IPv4 network. Host bits are cut off. */
export function parseNetwork(text: string): Network | undefined {
  const match = /^([^/]+)\/(\d{1,2})$/.exec(text)
  const address = match ? ipv4Number(match[1]!) : undefined
  const prefix = Number(match?.[2])
  if (address === undefined || prefix > 32) return undefined
  const size = 2 ** (32 - prefix)
  return { base: Math.floor(address / size) * size, prefix }
}

export const networkSize = ({ prefix }: Network): number => 2 ** (32 - prefix)

export const isInNetwork = (network: Network, address: number): boolean =>
  address >= network.base && address < network.base + networkSize(network)

export const ipAddress: Rule<string> = (value) => (isIP(value) ? [] : ['must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'])

/** An address that packets can be sent to from elsewhere. Source: Kubernetes pkg/apis/core/validation ValidateNonSpecialIP. */
export const reachableAddress: Rule<string> = (value) => {
  const faults = ipAddress(value)
  return faults.length > 0 ? faults : SPECIAL.filter(([pattern]) => pattern.test(value.toLowerCase())).map(([, fault]) => fault)
}

const SPECIAL: readonly (readonly [RegExp, string])[] = [
  [/^(0\.0\.0\.0|::)$/, 'may not be unspecified (0.0.0.0 or ::)'],
  [/^(127\..*|::1)$/, 'may not be in the loopback range (127.0.0.0/8, ::1/128)'],
  [/^(169\.254\..*|fe[89ab].:.*)$/, 'may not be in the link-local range (169.254.0.0/16, fe80::/10)'],
  [/^(224\.0\.0\..*|ff.2:.*)$/, 'may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)'],
]
