import { clock } from './checks/clock.ts'
import { disk } from './checks/disk.ts'
import { iptables } from './checks/iptables.ts'
import { kernelModules } from './checks/kernel-modules.ts'
import { leftovers, localPort } from './checks/leftovers.ts'
import { hostName, memory, pageSize, resolver, swap, userland } from './checks/machine.ts'
import { memoryCgroup } from './checks/memory-cgroup.ts'
import { networkPlugins, runtime } from './checks/runtime.ts'
import { sysctls } from './checks/sysctls.ts'
import type { Check, Finding, Host } from './host.ts'

/** Everything that is looked at, in the order in which it is shown. */
export const CHECKS: readonly Check[] = [
  memoryCgroup,
  kernelModules,
  sysctls,
  iptables,
  runtime,
  networkPlugins,
  clock,
  disk,
  memory,
  swap,
  userland,
  pageSize,
  hostName,
  resolver,
  localPort,
  leftovers,
]

export interface Checked {
  readonly check: Check
  readonly finding: Finding
}

export const runChecks = (host: Host, checks: readonly Check[] = CHECKS): readonly Checked[] =>
  checks.map((check) => ({ check, finding: check.judge(host) }))
