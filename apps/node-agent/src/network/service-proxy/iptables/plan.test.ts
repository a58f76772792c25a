import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seeded } from '@bramble/reconcile/sim/seeded'
import type { ServiceForward, ServiceTable } from '../service-table.ts'
import { asUnknown, NOTHING_WRITTEN, planJumps, planRemoval, planRestore } from './plan.ts'
import { renderRuleset } from './render.ts'

/** What iptables-restore --noflush does, strictly: a jump to a chain that is missing, or deleting one in use, is an error. */
class Kernel {
  readonly tables: Record<string, Map<string, string[]>> = { nat: new Map(), filter: new Map() }
  restore(input: string): void {
    let name = ''
    let next = new Map<string, string[]>()
    for (const line of input.split('\n')) {
      if (line.startsWith('*')) {
        name = line.slice(1)
        next = new Map([...this.tables[name]!].map(([chain, rules]) => [chain, [...rules]]))
      } else if (line.startsWith(':')) next.set(line.slice(1).split(' ')[0]!, [])
      else if (line.startsWith('-A ')) {
        const [, chain, rule] = /^-A (\S+) (.*)$/.exec(line)!
        const target = /-j (BRAMBLE-\S+)/.exec(rule!)?.[1]
        assert.ok(target === undefined || next.has(target), `jump to missing ${target}`)
        assert.ok(chain!.length <= 28 && next.has(chain!), `rule in missing or too long chain ${chain}`)
        next.get(chain!)!.push(rule!)
      } else if (line.startsWith('-X ')) {
        const chain = line.slice(3)
        assert.deepEqual(next.get(chain), [], `deleting ${chain}, which is not empty`)
        for (const [from, rules] of next)
          assert.ok(!rules.some((rule) => rule.endsWith(`-j ${chain}`)), `${chain} is still used by ${from}`)
        next.delete(chain)
      } else if (line === 'COMMIT') this.tables[name] = next
    }
  }
}

function randomTable(random: () => number): ServiceTable {
  const forwards = Array.from(
    { length: Math.floor(random() * 8) },
    (_, index): ServiceForward => ({
      id: `default/s${index}:80`,
      protocol: random() < 0.3 ? 'UDP' : 'TCP',
      clusterIp: `10.43.${Math.floor(random() * 3)}.${index + 1}`,
      port: 80,
      ...(random() < 0.4 && { nodePort: 30000 + index }),
      ...(random() < 0.3 && { affinitySeconds: 60 }),
      externalLocal: random() < 0.3,
      internalLocal: random() < 0.2,
      backends: Array.from({ length: Math.floor(random() * 4) }, (_, backend) => ({
        ip: `10.42.${backend}.${index + 1}`,
        port: 8080,
        local: backend === 0,
      })),
    }),
  ).filter(() => random() < 0.8)
  return { podNetwork: '10.42.0.0/16', serviceNetwork: '10.43.0.0/16', forwards }
}

test('any sequence of tables, in chunks of any size, ends with exactly the rules of the last one', () => {
  for (let seed = 1; seed <= 300; seed++) {
    const random = seeded(seed)
    const kernel = new Kernel()
    let written = NOTHING_WRITTEN
    for (let step = 0; step < 5; step++) {
      const wanted = renderRuleset(randomTable(random))
      const plan = planRestore(written, wanted, random() < 0.5 ? 5 : Number.POSITIVE_INFINITY)
      for (const input of plan.inputs) kernel.restore(input)
      for (const name of ['nat', 'filter'] as const)
        assert.deepEqual(
          Object.fromEntries([...kernel.tables[name]!].sort()),
          Object.fromEntries([...wanted[name]].map(([chain, rules]) => [chain, [...rules]] as const).sort()),
          `seed ${seed} step ${step}`,
        )
      assert.deepEqual(planRestore(wanted, wanted, 5), { inputs: [], chainsWritten: 0 })
      written = random() < 0.2 ? { nat: asUnknown([...wanted.nat.keys()]), filter: asUnknown([...wanted.filter.keys()]) } : wanted
    }
  }
})

test('the same forward in another pod network is rendered anew', () => {
  const forward: ServiceForward = {
    id: 'default/web:80',
    protocol: 'TCP',
    clusterIp: '10.43.0.1',
    port: 80,
    externalLocal: false,
    internalLocal: false,
    backends: [{ ip: '10.42.0.1', port: 8080, local: true }],
  }
  for (const podNetwork of ['10.42.0.0/16', '10.99.0.0/16', '10.42.0.0/16']) {
    const { nat } = renderRuleset({ podNetwork, serviceNetwork: '10.43.0.0/16', forwards: [forward] })
    const chain = [...nat].find(([name]) => name.startsWith('BRAMBLE-SVC-'))![1]
    assert.match(chain[0]!, new RegExp(`^! -s ${podNetwork} `))
  }
})

test('one more backend among many Services writes its own chains only', () => {
  const forwards = Array.from(
    { length: 1000 },
    (_, index): ServiceForward => ({
      id: `default/s${index}:80`,
      protocol: 'TCP',
      clusterIp: `10.43.${index >> 8}.${index & 255}`,
      port: 80,
      externalLocal: false,
      internalLocal: false,
      backends: [{ ip: '10.42.0.1', port: 80, local: true }],
    }),
  )
  const table = { podNetwork: '10.42.0.0/16', serviceNetwork: '10.43.0.0/16', forwards }
  const changed = {
    ...table,
    forwards: forwards.map((forward, index) =>
      index === 500 ? { ...forward, backends: [...forward.backends, { ip: '10.42.0.2', port: 80, local: true }] } : forward,
    ),
  }
  const plan = planRestore(renderRuleset(table), renderRuleset(changed), 4_000)
  assert.equal(plan.chainsWritten, 2)
  assert.equal(plan.inputs.length, 1)
})

const jumpCases = [
  { name: 'a missing jump is put first', present: ['-P PREROUTING ACCEPT', '-A PREROUTING -j DOCKER'], lines: 3 },
  {
    name: 'a jump that is first stays',
    present: [
      '-A PREROUTING -m comment --comment bramble -j BRAMBLE-SERVICES',
      '-A OUTPUT -m comment --comment bramble -j BRAMBLE-SERVICES',
      '-A POSTROUTING -m comment --comment bramble -j BRAMBLE-POSTROUTING',
      '-A POSTROUTING -j OTHER',
    ],
    lines: 0,
  },
  {
    name: 'a doubled or late jump is replaced by one',
    present: [
      '-A PREROUTING -j DOCKER',
      '-A PREROUTING -m comment --comment bramble -j BRAMBLE-SERVICES',
      '-A OUTPUT -j BRAMBLE-SERVICES',
      '-A OUTPUT -j BRAMBLE-SERVICES',
      '-A POSTROUTING -j BRAMBLE-POSTROUTING',
    ],
    lines: 5,
  },
]
for (const { name, present, lines } of jumpCases)
  test(name, () =>
    assert.equal(
      planJumps('nat', present)
        ?.split('\n')
        .filter((line) => /^-[DI] /.test(line)).length ?? 0,
      lines,
    ),
  )

test('removal takes our chains and the jumps to them, and nothing of others', () => {
  const input = planRemoval('nat', [
    '-P PREROUTING ACCEPT',
    '-N BRAMBLE-SERVICES',
    '-N DOCKER',
    '-A PREROUTING -j BRAMBLE-SERVICES',
    '-A PREROUTING -j DOCKER',
    '-A BRAMBLE-SERVICES -j RETURN',
  ])
  assert.equal(
    input,
    ['*nat', ':BRAMBLE-SERVICES - [0:0]', '-D PREROUTING -j BRAMBLE-SERVICES', '-X BRAMBLE-SERVICES', 'COMMIT', ''].join('\n'),
  )
  assert.equal(planRemoval('nat', ['-P PREROUTING ACCEPT', '-N DOCKER']), undefined)
})
