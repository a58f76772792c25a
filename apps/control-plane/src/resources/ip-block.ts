import { isIP, isIPv6 } from 'node:net'
import { ipAddress, ipv4Number, ipv4Text } from './ip-address.ts'
import type { Rule } from './rules.ts'

/** A network of either family. */
export interface IpBlock {
  readonly family: 4 | 6
  readonly first: bigint
  readonly prefix: number
}

const CIDR_RULE = 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)'

/** `10.0.0.0/8`, `2001:db8::/64`; undefined when it is no network. Host bits are cut off. */
export function parseBlock(text: string): IpBlock | undefined {
  const parts = read(text)
  if (!parts) return undefined
  const hostBits = BigInt(bitsOf(parts.family) - parts.prefix)
  return { ...parts, first: (parts.first >> hostBits) << hostBits }
}

/** Whether `inner` is a part of `outer`, and not all of it. */
export const isStrictSubset = (inner: IpBlock, outer: IpBlock): boolean =>
  inner.family === outer.family &&
  inner.prefix > outer.prefix &&
  inner.first >> BigInt(bitsOf(outer.family) - outer.prefix) === outer.first >> BigInt(bitsOf(outer.family) - outer.prefix)

/** A network without host bits; IPv6 in any notation. Source: apimachinery pkg/util/validation IsValidCIDRForLegacyField. */
export const networkBlock: Rule<string> = (value) => {
  const parts = read(value)
  if (!parts) return [CIDR_RULE]
  if (isMapped(value)) return ['must not have an IPv4-mapped IPv6 address']
  if (parts.hasLeadingZero) return ['must not have leading 0s in IP or prefix length']
  return parts.first === parseBlock(value)!.first ? [] : ['must not have bits set beyond the prefix length']
}

/** The same in the one notation that a network has. Source: apimachinery pkg/util/validation IsValidCIDR. */
export const canonicalBlock: Rule<string> = (value) => {
  const faults = networkBlock(value)
  if (faults.length > 0) return faults
  const canonical = blockText(parseBlock(value)!)
  return canonical === value ? [] : [`must be in canonical form (${JSON.stringify(canonical)})`]
}

/** An address in the one notation that it has. Source: apimachinery pkg/util/validation IsValidIP. */
export const canonicalAddress: Rule<string> = (value) => {
  const faults = isIP(value) && !value.includes('%') ? [] : ipAddress('')
  if (faults.length > 0) return faults
  if (isMapped(value)) return ['must not be an IPv4-mapped IPv6 address']
  const canonical = isIPv6(value) ? ipv6Text(ipv6Number(value)) : value
  return canonical === value ? [] : [`must be in canonical form (${JSON.stringify(canonical)})`]
}

/** The one notation that a network has. */
export const blockText = ({ family, first, prefix }: IpBlock): string =>
  `${family === 4 ? ipv4Text(Number(first)) : ipv6Text(first)}/${prefix}`

const bitsOf = (family: 4 | 6): number => (family === 4 ? 32 : 128)

/** As it is written, with host bits. */
function read(text: string): (IpBlock & { hasLeadingZero: boolean }) | undefined {
  const match = /^([^/%]+)\/(\d{1,4})$/.exec(text)
  if (!match) return undefined
  const family = isIPv6(match[1]!) ? 6 : 4
  const prefix = Number(match[2])
  const address = family === 6 ? match[1]! : match[1]!.replace(/\b0+(?=\d)/g, '')
  const first = family === 6 ? ipv6Number(address) : ipv4Number(address)
  if (first === undefined || prefix > bitsOf(family)) return undefined
  return { family, first: BigInt(first), prefix, hasLeadingZero: address !== match[1] || /^0\d/.test(match[2]!) }
}

const isMapped = (text: string): boolean => {
  const address = text.split('/')[0]!
  return isIPv6(address) && ipv6Number(address) >> 32n === 0xffffn
}

function ipv6Number(address: string): bigint {
  const [head = '', tail] = address.split('::')
  const before = groupsOf(head)
  const after = tail === undefined ? [] : groupsOf(tail)
  const zeros = Array.from({ length: Math.max(0, 8 - before.length - after.length) }, () => 0)
  return [...before, ...zeros, ...after].reduce((sum, group) => (sum << 16n) | BigInt(group), 0n)
}

/** The last four bytes may be written as an IPv4 address at the end. */
const groupsOf = (text: string): readonly number[] =>
  text === ''
    ? []
    : text.split(':').flatMap((group) => {
        const last = group.includes('.') ? ipv4Number(group)! : undefined
        return last === undefined ? [Number.parseInt(group, 16)] : [Math.floor(last / 65536), last % 65536]
      })

/** Source: RFC 5952, "A Recommendation for IPv6 Text Representation". */
function ipv6Text(address: bigint): string {
  const groups = Array.from({ length: 8 }, (_, index) => Number((address >> BigInt(112 - 16 * index)) & 0xffffn).toString(16))
  let [start, length] = [-1, 1]
  for (let from = 0; from < 8; from++) {
    let to = from
    while (to < 8 && groups[to] === '0') to++
    if (to - from > length) [start, length] = [from, to - from]
  }
  if (start < 0) return groups.join(':')
  return `${groups.slice(0, start).join(':')}::${groups.slice(start + length).join(':')}`
}
