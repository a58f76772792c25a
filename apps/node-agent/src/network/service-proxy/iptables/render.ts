import { createHash } from 'node:crypto'
import type { Backend, ServiceForward, ServiceTable } from '../service-table.ts'

/** Rules by chain, in the order in which chains may be written: what is jumped to comes before what jumps. */
export type Chains = ReadonlyMap<string, readonly string[]>
export interface Ruleset {
  readonly nat: Chains
  readonly filter: Chains
}

/** Where the kernel enters our chains. Each jump stands first in its built-in chain. */
export const JUMPS = {
  nat: [
    ['PREROUTING', 'BRAMBLE-SERVICES'],
    ['OUTPUT', 'BRAMBLE-SERVICES'],
    ['POSTROUTING', 'BRAMBLE-POSTROUTING'],
  ],
  filter: [
    ['INPUT', 'BRAMBLE-INPUT'],
    ['FORWARD', 'BRAMBLE-FORWARD'],
    ['OUTPUT', 'BRAMBLE-REJECT'],
  ],
} as const

/** Marks what must be masqueraded; Kubernetes' own bit. */
const MARK = '0x4000/0x4000'

/**
 * The rules of a service table. Pure; same table, same bytes.
 *
 * One chain per service port and one per backend, so that an unchanged chain can be left out of the next restore and the
 * kernel keeps it (KEP-3453). Services are dispatched by the third byte of their address first: a new connection passes a
 * few dozen rules, not all of them, and a change rewrites one small chain. Chain names have at most 28 characters
 * (XT_EXTENSION_MAXNAMELEN - 1), hence the hashes.
 */
export function renderRuleset(table: ServiceTable): Ruleset {
  const nat = new Map<string, readonly string[]>()
  const reject: string[] = []
  const inputDrop: string[] = []
  const shards = new Map<string, string[]>()
  const nodePorts: string[] = []

  nat.set('BRAMBLE-MARK-MASQ', ['-j MARK --set-xmark 0x4000/0x4000'])
  for (const forward of table.forwards) {
    const rules = rulesOf(forward, table.podNetwork)
    for (const [chain, lines] of rules.nat) nat.set(chain, lines)
    if (rules.dispatch !== undefined) shardOf(shards, forward).push(rules.dispatch)
    nodePorts.push(...rules.nodePorts)
    reject.push(...rules.reject)
    inputDrop.push(...rules.inputDrop)
  }

  for (const [third, rules] of [...shards].sort()) nat.set(`BRAMBLE-SHARD-${third}`, rules)
  nat.set('BRAMBLE-NODEPORTS', nodePorts)
  nat.set('BRAMBLE-SERVICES', [
    ...[...shards.keys()].sort().map((third) => `-d ${shardNetwork(third)} -j BRAMBLE-SHARD-${third}`),
    '-m addrtype --dst-type LOCAL -j BRAMBLE-NODEPORTS',
  ])
  nat.set('BRAMBLE-MASQ', ['-j MARK --set-xmark 0x0/0x4000', '-j MASQUERADE --random-fully'])
  nat.set('BRAMBLE-POSTROUTING', [
    `-m mark --mark ${MARK} -j BRAMBLE-MASQ`,
    `-s ${table.podNetwork} -d ${table.podNetwork} -j RETURN`,
    `-s ${table.podNetwork} -d 224.0.0.0/4 -j RETURN`,
    `-s ${table.podNetwork} -j MASQUERADE --random-fully`,
  ])
  return { nat, filter: filterChains(table, reject, inputDrop) }
}

function filterChains(table: ServiceTable, reject: readonly string[], inputDrop: readonly string[]): Chains {
  return new Map([
    ['BRAMBLE-REJECT', reject],
    [
      'BRAMBLE-INPUT',
      [
        // route_localnet lets nodes reach node ports on 127.0.0.1; nobody else may reach 127.0.0.1 by it (CVE-2020-8558)
        '! -s 127.0.0.0/8 -d 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP',
        ...inputDrop,
        '-j BRAMBLE-REJECT',
      ],
    ],
    [
      'BRAMBLE-FORWARD',
      ['-j BRAMBLE-REJECT', `-m mark --mark ${MARK} -j ACCEPT`, `-s ${table.podNetwork} -j ACCEPT`, `-d ${table.podNetwork} -j ACCEPT`],
    ],
  ])
}

/** What one forward adds to the ruleset. */
interface ForwardRules {
  readonly podNetwork: string
  readonly nat: Map<string, string[]>
  /** Its rule in the shard of its address. */
  dispatch?: string
  readonly nodePorts: string[]
  readonly reject: string[]
  readonly inputDrop: string[]
}

/** A table holds the same forwards as the one before, but for those that changed: most are rendered already. */
const rendered = new WeakMap<ServiceForward, ForwardRules>()

function rulesOf(forward: ServiceForward, podNetwork: string): ForwardRules {
  const known = rendered.get(forward)
  if (known?.podNetwork === podNetwork) return known
  const rules = renderForward(forward, podNetwork)
  rendered.set(forward, rules)
  return rules
}

function renderForward(forward: ServiceForward, podNetwork: string): ForwardRules {
  const out: ForwardRules = { podNetwork, nat: new Map(), nodePorts: [], reject: [], inputDrop: [] }
  const usable = backendsFor(forward, forward.internalLocal)
  const match = matchOf(forward)
  if (usable.length > 0) {
    const chain = chainName('SVC', forward.id)
    addServiceChain(out, forward, usable, chain)
    out.dispatch = `-d ${forward.clusterIp}/32 ${match} --dport ${forward.port} -j ${chain}`
  } else out.reject.push(`-d ${forward.clusterIp}/32 ${match} --dport ${forward.port} -j REJECT`)
  if (forward.nodePort !== undefined) addNodePort(out, forward, match)
  return out
}

/** Source: kube-proxy's KUBE-EXT chains: with externalTrafficPolicy Local the client's address is kept and only local backends serve it. */
function addNodePort(out: ForwardRules, forward: ServiceForward, match: string): void {
  const atNodePort = `-m addrtype --dst-type LOCAL ${match} --dport ${forward.nodePort}`
  if (forward.backends.length === 0) {
    out.reject.push(`${atNodePort} -j REJECT`)
    return
  }
  const external = chainName('EXT', forward.id)
  const all = chainName('ALL', forward.id)
  const serves = forward.internalLocal ? all : chainName('SVC', forward.id)
  if (forward.internalLocal) addServiceChain(out, forward, forward.backends, all)
  if (!forward.externalLocal) out.nat.set(external, ['-j BRAMBLE-MARK-MASQ', `-j ${serves}`])
  else {
    const local = forward.backends.filter((backend) => backend.local)
    const rules = [
      `-s ${out.podNetwork} -j ${serves}`,
      '-m addrtype --src-type LOCAL -j BRAMBLE-MARK-MASQ',
      `-m addrtype --src-type LOCAL -j ${serves}`,
    ]
    if (local.length > 0) {
      const chain = chainName('SVL', forward.id)
      addBalancer(out.nat, forward, local, chain)
      rules.push(`-j ${chain}`)
    } else out.inputDrop.push(`${atNodePort} -j DROP`)
    out.nat.set(external, rules)
  }
  out.nodePorts.push(`${match} --dport ${forward.nodePort} -j ${external}`)
}

function addServiceChain({ nat, podNetwork }: ForwardRules, forward: ServiceForward, backends: readonly Backend[], chain: string): void {
  addBalancer(nat, forward, backends, chain)
  nat.get(chain)!.unshift(`! -s ${podNetwork} -d ${forward.clusterIp}/32 ${matchOf(forward)} --dport ${forward.port} -j BRAMBLE-MARK-MASQ`)
}

/** A chain that picks one backend: the client's last one within the affinity time, else any, each with the same chance. */
function addBalancer(nat: Map<string, string[]>, forward: ServiceForward, backends: readonly Backend[], chain: string): void {
  const chains = backends.map((backend) => addBackend(nat, forward, backend))
  const again =
    forward.affinitySeconds === undefined
      ? []
      : chains.map((one) => `-m recent --name ${one} --rcheck --seconds ${forward.affinitySeconds} --reap -j ${one}`)
  const any = chains.map((one, index) => {
    const left = chains.length - index
    return `${left === 1 ? '' : `-m statistic --mode random --probability ${(1 / left).toFixed(10)} `}-j ${one}`
  })
  nat.set(chain, [...again, ...any])
}

/** @returns the name of its chain. */
function addBackend(nat: Map<string, string[]>, forward: ServiceForward, backend: Backend): string {
  const chain = `BRAMBLE-SEP-${hash(`${forward.id}>${forward.protocol}>${backend.ip}:${backend.port}>${forward.affinitySeconds ?? ''}`)}`
  const remember = forward.affinitySeconds === undefined ? '' : `-m recent --name ${chain} --set `
  nat.set(chain, [
    `-s ${backend.ip}/32 -j BRAMBLE-MARK-MASQ`, // hairpin: the answer must come back through us
    `${remember}${matchOf(forward)} -j DNAT --to-destination ${backend.ip}:${backend.port}`,
  ])
  return chain
}

function shardOf(shards: Map<string, string[]>, forward: ServiceForward): string[] {
  const third = forward.clusterIp
    .split('.')
    .slice(0, 3)
    .map((byte) => Number(byte).toString(16).padStart(2, '0'))
    .join('')
  const rules = shards.get(third) ?? []
  shards.set(third, rules)
  return rules
}
const shardNetwork = (third: string): string =>
  `${third
    .match(/../g)!
    .map((byte) => Number.parseInt(byte, 16))
    .join('.')}.0/24`

const backendsFor = (forward: ServiceForward, localOnly: boolean): readonly Backend[] =>
  localOnly ? forward.backends.filter((backend) => backend.local) : forward.backends
const matchOf = ({ protocol, id }: ServiceForward): string => {
  const name = protocol.toLowerCase()
  return `-m comment --comment "${id}" -p ${name} -m ${name}`
}
const chainName = (kind: 'SVC' | 'SVL' | 'EXT' | 'ALL', id: string): string => `BRAMBLE-${kind}-${hash(id)}`
const hash = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 12).toUpperCase()
