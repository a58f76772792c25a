import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { parseAgentConfig } from '../../node-agent/src/config.ts'
import { parseServerConfig } from '../../control-plane/src/config.ts'

export type ProgramName = 'control-plane' | 'node-agent'
/** Where a program finds its settings: JSON, so that no secret stands in argv. */
const CONFIG_VARIABLE = 'BRAMBLE_CONFIG'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const launcher = createRequire(import.meta.url)(`${root}bin/node.cjs`) as {
  pinnedNode(): string
  FLAGS: readonly string[]
  run(args: readonly string[], env: Record<string, string>): void
}

export const binBramble = `${root}bin/bramble`
export const binSupervise = `${root}bin/supervise`

/** The bundle that `npm run bundle` made, or the sources: they need more memory and start more slowly. */
function mainFile(name: ProgramName): string {
  const bundle = `${root}dist/${name}/main.js`
  return existsSync(bundle) ? bundle : `${root}apps/${name}/src/main.ts`
}

/** The agent computes little: without the optimizing compiler it is as fast, and 5 MB smaller. */
const OWN_FLAGS: Readonly<Record<ProgramName, readonly string[]>> = { 'control-plane': [], 'node-agent': ['--no-opt'] }

/** How a program is started: the pinned Node.js by path, its flags, its main file. */
export const programCommand = (name: ProgramName): readonly string[] => [
  launcher.pinnedNode(),
  ...launcher.FLAGS,
  ...OWN_FLAGS[name],
  mainFile(name),
]

/** Compiled code is kept between starts: a start costs less of the Pi's processor. The C library gives memory back: 5 MB less. */
const RUNTIME_ENVIRONMENT = {
  NODE_COMPILE_CACHE: '/var/cache/bramble',
  MALLOC_ARENA_MAX: '1',
  MALLOC_TRIM_THRESHOLD_: '131072',
  MALLOC_TOP_PAD_: '65536',
}

export const programEnvironment = (config: Record<string, unknown>): Record<string, string> => ({
  [CONFIG_VARIABLE]: JSON.stringify(config),
  ...RUNTIME_ENVIRONMENT,
})

/** Checks the settings and turns this process into the program: same pid, none of our memory. */
export function becomeProgram(name: ProgramName, given: Record<string, unknown>): void {
  checkConfig(name, given)
  launcher.run([...OWN_FLAGS[name], mainFile(name)], programEnvironment(given))
}

/** @throws SettingsError with a line per bad setting. */
export function checkConfig(name: ProgramName, given: Record<string, unknown>): void {
  if (name === 'control-plane') parseServerConfig(given)
  else parseAgentConfig(given)
}
