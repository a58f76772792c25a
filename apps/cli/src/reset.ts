import { rm } from 'node:fs/promises'
import { createInterface } from 'node:readline/promises'
import { parseAgentConfig } from '../../node-agent/src/config.ts'
import { cleanNode } from './down.ts'
import { UsageError } from './fail.ts'
import { services } from './services.ts'

/** Removes every container, rule, route and file that Bramble made here. Safe to repeat, also after a half-done one. */
export async function reset(given: Record<string, unknown>, yes: boolean): Promise<void> {
  const { dataDirectory } = parseAgentConfig(given)
  if (process.getuid?.() !== 0) throw new UsageError('"bramble reset" needs root; try sudo')
  if (!yes && !(await confirmed(dataDirectory))) throw new UsageError('nothing was removed')
  const runner = services(dataDirectory)
  for (const name of ['node-agent', 'control-plane'] as const) await runner.stop(name)
  await cleanNode(given, 'all')
  await runner.forget()
  await rm(dataDirectory, { recursive: true, force: true })
  await rm('/var/cache/bramble', { recursive: true, force: true })
  console.log('bramble: containers, rules, routes and files of Bramble are gone from this machine')
}

async function confirmed(dataDirectory: string): Promise<boolean> {
  if (!process.stdin.isTTY) throw new UsageError('this removes all pods and the cluster\'s data on this machine; say --yes')
  const terminal = createInterface({ input: process.stdin, output: process.stdout })
  const answer = await terminal.question(`This removes all pods here and ${dataDirectory} with the cluster's data. Go on? [y/N] `)
  terminal.close()
  return /^y(es)?$/i.test(answer.trim())
}
