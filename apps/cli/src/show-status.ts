import type { Node } from '@bramble/api/types/node'
import { isConditionTrue } from '@bramble/api/conditions'
import { parseServerConfig } from '../../control-plane/src/config.ts'
import { openCluster } from './cluster.ts'
import { PROGRAMS, services } from './services.ts'
import { printTable } from './token.ts'

/** Prints programs and nodes; exit code 3 (as systemctl) when a program is down, the API does not answer or a node is not Ready. */
export async function status(given: Record<string, unknown>): Promise<void> {
  const { dataDirectory } = parseServerConfig(given)
  const runner = services(dataDirectory)
  let good = true
  for (const name of PROGRAMS) {
    const running = await runner.isRunning(name)
    good &&= running
    console.log(`${name.padEnd(14)} ${running ? 'running' : 'not running'}   log: ${runner.logHint(name)}`)
  }
  try {
    const cluster = openCluster(dataDirectory)
    const { items } = await cluster.call<{ items: Node[] }>('GET', '/api/v1/nodes')
    console.log(`${'API'.padEnd(14)} ${cluster.server}\n`)
    printTable([
      ['NODE', 'STATUS', 'ADDRESS', 'VERSION'],
      ...items.map((node) => {
        const ready = isConditionTrue(node.status?.conditions, 'Ready')
        good &&= ready
        return [
          node.metadata.name,
          ready ? 'Ready' : 'NotReady',
          node.status?.addresses?.[0]?.address ?? '<unknown>',
          node.status?.nodeInfo?.kubeletVersion ?? '<unknown>',
        ]
      }),
    ])
  } catch (error) {
    good = false
    console.log(`${'API'.padEnd(14)} ${(error as Error).message}`)
  }
  if (!good) process.exitCode = 3
}
