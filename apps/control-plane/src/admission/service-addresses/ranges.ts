import type { Network } from '../../resources/ip-address.ts'
import { ipv4Text, networkSize, parseNetwork } from '../../resources/ip-address.ts'

/** Where the addresses of Services come from. */
export interface ServiceRanges {
  readonly network: Network
  readonly firstNodePort: number
  readonly lastNodePort: number
}

const PREFIX_MIN = 12
const PREFIX_MAX = 28
const DNS_OFFSET = 10

/** @throws Error when the text is no IPv4 network of a useful size, or the ports are none. */
export function serviceRanges(network: string, firstNodePort = 30000, lastNodePort = 32767): ServiceRanges {
  const parsed = parseNetwork(network)
  if (!parsed || parsed.prefix < PREFIX_MIN || parsed.prefix > PREFIX_MAX)
    throw new Error(
      `the service network must be an IPv4 network with a prefix of ${PREFIX_MIN} to ${PREFIX_MAX} bits such as 10.43.0.0/16, not "${network}"`,
    )
  if (!(firstNodePort >= 1 && firstNodePort <= lastNodePort && lastNodePort <= 65535))
    throw new Error(`the node ports must be a range within 1-65535 such as 30000-32767, not ${firstNodePort}-${lastNodePort}`)
  return { network: parsed, firstNodePort, lastNodePort }
}

/** The address of the Service `kubernetes`: the first one. */
export const apiServiceIp = ({ network }: Pick<ServiceRanges, 'network'>): string => ipv4Text(network.base + 1)

/** The address that pods ask for names. */
export const dnsServiceIp = ({ network }: Pick<ServiceRanges, 'network'>): string => ipv4Text(network.base + DNS_OFFSET)

export const networkText = ({ base, prefix }: Network): string => `${ipv4Text(base)}/${prefix}`

/** First and last address that a Service can have: the network's own and its broadcast address are none. */
export const addressRange = (network: Network): readonly [first: number, last: number] => [
  network.base + 1,
  network.base + networkSize(network) - 2,
]
