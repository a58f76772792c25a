import { readFile, writeFile } from 'node:fs/promises'
import type { Clock } from '@bramble/reconcile/env'
import { followLines, HostError, runCommand } from '../../../host/exec.ts'
import type { ServiceProxy } from '../service-proxy.ts'
import type { ServiceTable } from '../service-table.ts'
import { staleFlows } from './conntrack.ts'
import { asUnknown, NOTHING_WRITTEN, ownChains, planJumps, planRemoval, planRestore, type Written } from './plan.ts'
import { renderRuleset } from './render.ts'

/** About 500 services of 14 rules: the nft variant is quadratic in the size of a transaction. */
const NFT_RULES_PER_CHUNK = 4_000
const RESTORE_LIMIT_MS = 60_000
const LOCK_SECONDS = '10'
const SAVE_BYTES_MAX = 64 * 1024 * 1024
const SETTLE_MS = 300
const MONITOR_AGAIN_MS = 5_000
const LOOK_MS = 60_000
const TABLES = ['nat', 'filter'] as const

/**
 * Programs the kernel through iptables-restore. Knows what it wrote, so that a change costs what changed; after a
 * disturbance the next sync looks at the kernel first and writes everything again.
 */
export class IptablesProxy implements ServiceProxy {
  readonly #clock: Clock
  #written: Written | undefined
  #table: ServiceTable | undefined
  #variant: 'nft' | 'legacy' | undefined
  /** Syncs run one after the other: each builds on what the one before wrote. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  sync(table: ServiceTable, signal: AbortSignal): Promise<{ readonly chainsWritten: number }> {
    return this.#inTurn(() => this.#sync(table, signal))
  }

  /**
   * The nft variant tells us what others do (xtables-monitor, one sleeping process); with the legacy variant we look once a
   * minute. What we write ourselves is told apart by looking whether everything is in place.
   */
  async *disturbances(signal: AbortSignal): AsyncIterable<void> {
    while (!signal.aborted) {
      this.#variant ??= await variant()
      const hints = this.#variant === 'nft' ? ruleDeletions(signal) : oncePerMinute(this.#clock, signal)
      try {
        for await (const certain of hints) {
          if (!certain) await this.#clock.sleep(SETTLE_MS, signal)
          if (signal.aborted) return
          if (!certain && (await this.#inTurn(() => this.isIntact()))) continue
          this.#written = undefined
          yield
        }
      } catch (error) {
        if (!(error instanceof HostError)) throw error
        this.#written = undefined // the monitor lost events
        yield
      }
      await this.#clock.sleep(MONITOR_AGAIN_MS, signal)
    }
  }

  /** Whether the kernel still jumps into our chains and they are filled. Cheap; false when anything is in doubt. */
  async isIntact(): Promise<boolean> {
    const written = this.#written
    if (!written) return false
    try {
      for (const table of TABLES) {
        if (planJumps(table, await builtInRules(table)) !== undefined) return false
        const top = table === 'nat' ? 'BRAMBLE-SERVICES' : 'BRAMBLE-FORWARD'
        const { stdout } = await runCommand('iptables', ['-w', LOCK_SECONDS, '-t', table, '-S', top])
        if (stdout.split('\n').filter((line) => line.startsWith('-A')).length !== written[table].get(top)?.length) return false
      }
      return true
    } catch (error) {
      if (error instanceof HostError) return false // e.g. the chain is gone
      throw error
    }
  }

  remove(): Promise<void> {
    return this.#inTurn(async () => {
      for (const table of TABLES) {
        const input = planRemoval(table, await allRules(table))
        if (input !== undefined) await restore(input)
      }
      await setSysctl('net/ipv4/conf/all/route_localnet', '0') // forwarding may be someone else's as well: it stays
      this.#written = undefined
      this.#table = undefined
    })
  }

  async #sync(table: ServiceTable, signal: AbortSignal): Promise<{ readonly chainsWritten: number }> {
    this.#variant ??= await variant()
    const fresh = this.#written === undefined
    const written = this.#written ?? (await whatIsThere())
    this.#written = undefined // in doubt until every restore has succeeded
    const wanted = renderRuleset(table)
    const plan = planRestore(written, wanted, this.#variant === 'nft' ? NFT_RULES_PER_CHUNK : Number.POSITIVE_INFINITY)
    for (const input of plan.inputs) {
      signal.throwIfAborted()
      await restore(input)
    }
    if (fresh) await this.#enter()
    this.#written = wanted
    const flows = staleFlows(this.#table, table)
    this.#table = table
    for (const args of flows) await runCommand('conntrack', args, { exitCodes: [0, 1] }) // 1: there was none
    return { chainsWritten: plan.chainsWritten }
  }

  /** Jumps and switches; once our chains stand. */
  async #enter(): Promise<void> {
    for (const table of TABLES) {
      const input = planJumps(table, await builtInRules(table))
      if (input !== undefined) await restore(input)
    }
    await setSysctl('net/ipv4/ip_forward', '1')
    await setSysctl('net/ipv4/conf/all/route_localnet', '1')
  }

  #inTurn<T>(body: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(body)
    this.#last = turn.catch(() => {})
    return turn
  }
}

async function whatIsThere(): Promise<Written> {
  const [nat, filter] = [ownChains(await allRules('nat')), ownChains(await allRules('filter'))]
  return nat.length + filter.length === 0 ? NOTHING_WRITTEN : { nat: asUnknown(nat), filter: asUnknown(filter) }
}

const allRules = async (table: string): Promise<readonly string[]> =>
  (
    await runCommand('iptables', ['-w', LOCK_SECONDS, '-t', table, '-S'], { timeoutMs: RESTORE_LIMIT_MS, maxOutputBytes: SAVE_BYTES_MAX })
  ).stdout.split('\n')

async function builtInRules(table: 'nat' | 'filter'): Promise<readonly string[]> {
  const chains = table === 'nat' ? ['PREROUTING', 'OUTPUT', 'POSTROUTING'] : ['INPUT', 'FORWARD', 'OUTPUT']
  const rules: string[] = []
  for (const chain of chains)
    rules.push(...(await runCommand('iptables', ['-w', LOCK_SECONDS, '-t', table, '-S', chain])).stdout.split('\n'))
  return rules
}

const restore = async (input: string): Promise<void> => {
  await runCommand('iptables-restore', ['--noflush', '--wait', LOCK_SECONDS], { input, timeoutMs: RESTORE_LIMIT_MS })
}

async function variant(): Promise<'nft' | 'legacy'> {
  const { stdout } = await runCommand('iptables', ['--version'])
  return stdout.includes('nf_tables') ? 'nft' : 'legacy'
}

async function setSysctl(path: string, value: string): Promise<void> {
  const file = `/proc/sys/${path}`
  if ((await readFile(file, 'utf8')).trim() !== value) await writeFile(file, value)
}

/**
 * true: rules of ours were deleted by hand; false: something was deleted, look.
 * `xtables-monitor -e` ends each transaction with a line that names the process; ours is iptables-restore. It would keep its
 * lines back in a pipe, hence stdbuf.
 */
async function* ruleDeletions(signal: AbortSignal): AsyncIterable<boolean> {
  let deleted: 'nothing' | 'something' | 'ours' = 'nothing'
  for await (const line of followLines('stdbuf', ['-oL', 'xtables-monitor', '-e', '-4'], signal)) {
    if (/ -[DX] /.test(line)) deleted = deleted === 'ours' || / -[DX] BRAMBLE-/.test(line) ? 'ours' : 'something'
    else if (line.startsWith('NEWGEN') && deleted !== 'nothing') {
      yield deleted === 'ours' && !/NAME=iptables-restor/.test(line)
      deleted = 'nothing'
    }
  }
}

async function* oncePerMinute(clock: Clock, signal: AbortSignal): AsyncIterable<boolean> {
  for (;;) {
    await clock.sleep(LOOK_MS, signal)
    if (signal.aborted) return
    yield false
  }
}
