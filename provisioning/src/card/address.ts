import { isIPv4 } from 'node:net'

export interface StaticAddress {
  /** With its prefix: 192.168.1.20/24. */
  readonly address: string
  readonly gateway: string | undefined
  readonly dns: readonly string[]
}

/** Why `text` is no address that a machine can have, with its network: undefined when it is one. */
export function addressProblem(text: string): string | undefined {
  const [ip = '', prefix = '', ...rest] = text.split('/')
  if (!isIPv4(ip) || rest.length > 0) return 'must be an IPv4 address with its prefix, such as 192.168.1.20/24'
  if (prefix === '') return `needs the prefix of its network, such as ${ip}/24`
  if (!/^\d{1,2}$/.test(prefix) || Number(prefix) < 1 || Number(prefix) > 30) return 'must have a prefix from 1 to 30, such as /24'
  const why = hostProblem(ip)
  if (why !== undefined) return why
  const host = (numberOf(ip) & ~maskOf(Number(prefix))) >>> 0
  if (host === 0) return 'is the address of the network itself; take one inside it'
  if (host === ~maskOf(Number(prefix)) >>> 0) return 'is the broadcast address of its network; take one inside it'
  return undefined
}

/** Why `ip` is no address of a machine. */
export function hostProblem(ip: string): string | undefined {
  if (!isIPv4(ip)) return 'must be an IPv4 address such as 192.168.1.1'
  const first = Number(ip.split('.')[0])
  if (first === 0 || first === 127 || first >= 224) return 'is no address that a machine on a network can have'
  return undefined
}

/** Whether `ip` lies in the network of `address`, such as 192.168.1.20/24. */
export function isInNetwork(ip: string, address: string): boolean {
  const [base, prefix] = address.split('/') as [string, string]
  const mask = maskOf(Number(prefix))
  return (numberOf(ip) & mask) === (numberOf(base) & mask)
}

const numberOf = (ip: string): number => ip.split('.').reduce((sum, part) => ((sum << 8) | Number(part)) >>> 0, 0)
const maskOf = (prefix: number): number => (0xffffffff << (32 - prefix)) >>> 0
