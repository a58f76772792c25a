import { BlockList, isIP, isIPv4 } from 'node:net'
import type { Environment } from '@marcbachmann/cel-js'
import { registerAll, RuleError } from './register.ts'

class Address {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
  toString(): string {
    return this.text
  }
}

class Block {
  readonly address: Address
  readonly prefix: number
  constructor(address: Address, prefix: number) {
    this.address = address
    this.prefix = prefix
  }
  toString(): string {
    return `${this.address.text}/${this.prefix}`
  }
}

/**
 * `ip("10.0.0.1")`, `cidr("10.0.0.0/8")` and what can be asked of them.
 * @see Source: k8s.io/apiserver pkg/cel/library/ip.go, cidr.go.
 */
export function registerNetwork(environment: Environment): void {
  class IpLibrary {}
  environment.registerType('IPAddress', { ctor: Address, fields: {} })
  environment.registerType('CIDRBlock', { ctor: Block, fields: {} })
  environment.registerType('IPLibrary', { ctor: IpLibrary, fields: {} })
  environment.registerConstant('ip', 'IPLibrary', new IpLibrary())
  environment.registerOperator('IPAddress == IPAddress', (a: Address, b: Address) => a.text === b.text)
  environment.registerOperator('CIDRBlock == CIDRBlock', (a: Block, b: Block) => String(a) === String(b))
  registerAll(environment, {
    'ip(string): IPAddress': parseAddress,
    'isIP(string): bool': (text: string) => addressOf(text) !== undefined,
    'IPLibrary.isCanonical(string): bool': (_: unknown, text: string) => parseAddress(text).text === text,
    'string(IPAddress): string': String,
    'IPAddress.family(): int': ({ text }: Address) => (isIPv4(text) ? 4n : 6n),
    'IPAddress.isUnspecified(): bool': ({ text }: Address) => text === '0.0.0.0' || text === '::',
    'IPAddress.isLoopback(): bool': ({ text }: Address) => text.startsWith('127.') || text === '::1',
    'IPAddress.isLinkLocalMulticast(): bool': ({ text }: Address) => /^224\.0\.0\.|^ff.2:/.test(text),
    'IPAddress.isLinkLocalUnicast(): bool': ({ text }: Address) => /^169\.254\.|^fe[89ab].:/.test(text),
    'IPAddress.isGlobalUnicast(): bool': ({ text }: Address) =>
      !/^(0\.0\.0\.0|::|255\.255\.255\.255|::1|127\..*|169\.254\..*|fe[89ab].:.*|ff.*|22[4-9]\..*|23\d\..*)$/.test(text),
    'cidr(string): CIDRBlock': parseBlock,
    'isCIDR(string): bool': (text: string) => blockOf(text) !== undefined,
    'string(CIDRBlock): string': String,
    'CIDRBlock.ip(): IPAddress': ({ address }: Block) => address,
    'CIDRBlock.prefixLength(): int': ({ prefix }: Block) => BigInt(prefix),
    'CIDRBlock.masked(): CIDRBlock': masked,
    'CIDRBlock.containsIP(IPAddress): bool': (block: Block, address: Address) => containsAddress(block, address),
    'CIDRBlock.containsIP(string): bool': (block: Block, text: string) => containsAddress(block, parseAddress(text)),
    'CIDRBlock.containsCIDR(CIDRBlock): bool': containsBlock,
    'CIDRBlock.containsCIDR(string): bool': (block: Block, text: string) => containsBlock(block, parseBlock(text)),
  })
}

/** IPv6 in its shortest form; addresses with zones, and IPv4 within IPv6, are none. */
function addressOf(text: string): Address | undefined {
  if (isIP(text) === 0 || text.includes('%')) return undefined
  if (isIPv4(text)) return new Address(text)
  const host = new URL(`http://[${text}]/`).hostname.slice(1, -1)
  return host.startsWith('::ffff:') ? undefined : new Address(host)
}

function parseAddress(text: string): Address {
  const address = addressOf(text)
  if (!address) throw new RuleError(`IP Address ${JSON.stringify(text)} parse error during conversion from string: unable to parse IP`)
  return address
}

function blockOf(text: string): Block | undefined {
  const match = /^([^/]+)\/(\d{1,3})$/.exec(text)
  const address = match ? addressOf(match[1]!) : undefined
  const prefix = Number(match?.[2])
  return address && prefix <= bitsOf(address) ? new Block(address, prefix) : undefined
}

function parseBlock(text: string): Block {
  const block = blockOf(text)
  if (!block) throw new RuleError(`network address parse error during conversion from string: netip.ParsePrefix(${JSON.stringify(text)})`)
  return block
}

const bitsOf = ({ text }: Address): number => (isIPv4(text) ? 32 : 128)
const familyOf = ({ text }: Address): 'ipv4' | 'ipv6' => (isIPv4(text) ? 'ipv4' : 'ipv6')

function containsAddress({ address, prefix }: Block, other: Address): boolean {
  if (familyOf(address) !== familyOf(other)) return false
  const list = new BlockList()
  list.addSubnet(address.text, prefix, familyOf(address))
  return list.check(other.text, familyOf(other))
}

const containsBlock = (block: Block, other: Block): boolean => other.prefix >= block.prefix && containsAddress(block, other.address)

function masked({ address, prefix }: Block): Block {
  const bits = BigInt(bitsOf(address))
  const kept = (numberOf(address) >> (bits - BigInt(prefix))) << (bits - BigInt(prefix))
  return new Block(parseAddress(textOf(kept, familyOf(address))), prefix)
}

function numberOf({ text }: Address): bigint {
  if (isIPv4(text)) return text.split('.').reduce((sum, part) => sum * 256n + BigInt(part), 0n)
  const [head = '', tail] = text.split('::')
  const parts = (half: string): string[] => (half === '' ? [] : half.split(':'))
  const [left, right] = [parts(head), tail === undefined ? [] : parts(tail)]
  const groups = [...left, ...Array.from({ length: 8 - left.length - right.length }, () => '0'), ...right]
  return groups.reduce((sum, group) => sum * 65536n + BigInt(`0x${group}`), 0n)
}

function textOf(value: bigint, family: 'ipv4' | 'ipv6'): string {
  if (family === 'ipv4') return [24n, 16n, 8n, 0n].map((shift) => String((value >> shift) & 255n)).join('.')
  return Array.from({ length: 8 }, (_, index) => ((value >> BigInt(112 - index * 16)) & 65535n).toString(16)).join(':')
}
