import { parseServerConfig } from '../../control-plane/src/config.ts'
import { programCommand, programEnvironment } from './programs.ts'
import { run } from './run.ts'
import { services } from './services.ts'

const CLEAN_LIMIT_MS = 300_000

/** Stops the programs; with `removePods` also what runs on this node. */
export async function down(given: Record<string, unknown>, removePods: boolean): Promise<void> {
  const { dataDirectory } = parseServerConfig(given)
  const runner = services(dataDirectory)
  for (const name of ['node-agent', 'control-plane'] as const) {
    const wasRunning = await runner.isRunning(name)
    await runner.stop(name)
    console.log(`bramble: ${name} ${wasRunning ? 'stopped' : 'was not running'}`)
  }
  if (!removePods) return console.log('bramble: pods go on running; "bramble down --rm" takes them down')
  await cleanNode(given, 'pods')
  console.log('bramble: pods removed')
}

/** Lets the agent's own code remove its pods, or everything that it made on this machine. */
export async function cleanNode(given: Record<string, unknown>, what: 'pods' | 'all'): Promise<void> {
  const [file, ...args] = programCommand('node-agent')
  const environment = { ...programEnvironment({ ...given, token: undefined }), BRAMBLE_CLEAN: what }
  const { exitCode, stderr } = await run(file!, args, CLEAN_LIMIT_MS, environment)
  if (exitCode !== 0) throw new Error(`cleaning this node failed:\n${stderr.trim().split('\n').slice(-5).join('\n')}`)
}
