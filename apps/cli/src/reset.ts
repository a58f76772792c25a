import { readdir, rm, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
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
  await removeFolder(dataDirectory)
  await rm('/var/cache/bramble', { recursive: true, force: true })
  console.log('bramble: containers, rules, routes and files of Bramble are gone from this machine')
}

/** With all that is in it. One that is a mount, such as a disk for the cluster's data, stays as an empty folder. */
async function removeFolder(path: string): Promise<void> {
  try {
    for (const name of await readdir(path)) await rm(join(path, name), { recursive: true, force: true })
    await rmdir(path)
  } catch (error) {
    if (!['ENOENT', 'EBUSY'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
  }
}

async function confirmed(dataDirectory: string): Promise<boolean> {
  if (!process.stdin.isTTY) throw new UsageError("this removes all pods and the cluster's data on this machine; say --yes")
  const terminal = createInterface({ input: process.stdin, output: process.stdout })
  const answer = await terminal.question(`This removes all pods here and ${dataDirectory} with the cluster's data. Go on? [y/N] `)
  terminal.close()
  return /^y(es)?$/i.test(answer.trim())
}
