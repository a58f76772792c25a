import { parseAgentConfig } from '../../node-agent/src/config.ts'
import { parseCriConfig } from '../../node-agent/src/cri-config.ts'
import { parseServerConfig } from '../../control-plane/src/config.ts'
import { installation } from './installation.ts'

/** What a node or a control plane is made of, kept running. */
export type ProgramName = 'control-plane' | 'node-agent'
/** And what runs for as long as somebody wants it. */
type StartedName = ProgramName | 'cri'
/** Where a program finds its settings: JSON, so that no secret stands in argv. */
const CONFIG_VARIABLE = 'BRAMBLE_CONFIG'

/** Folder of the sources or of the release. */
export const root = `${installation.root}/`

export const binBramble = installation.bramble
export const binSupervise = installation.supervise

/** Where its main file lies; the agent's tree has two programs. */
const PLACE: Readonly<Record<StartedName, { readonly folder: string; readonly file: string }>> = {
  'control-plane': { folder: 'control-plane', file: 'main' },
  'node-agent': { folder: 'node-agent', file: 'main' },
  cri: { folder: 'node-agent', file: 'cri-main' },
}

const mainFile = (name: StartedName): string => installation.mainFile(PLACE[name].folder, PLACE[name].file)

/** The agent computes little: without the optimizing compiler it is as fast, and 5 MB smaller. */
const OWN_FLAGS: Readonly<Record<StartedName, readonly string[]>> = {
  'control-plane': [],
  'node-agent': ['--no-opt'],
  cri: ['--no-opt'],
}

/** How a program is started: the pinned Node.js by path, its flags, its main file. */
export const programCommand = (name: ProgramName): readonly string[] => [
  installation.node,
  ...installation.nodeFlags,
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
export function becomeProgram(name: StartedName, typed: Record<string, unknown>, environment: Record<string, string> = {}): void {
  const given = { ...serviceSettings(), ...typed }
  checkConfig(name, given)
  const { node, nodeFlags } = installation
  const command = [node, ...nodeFlags, ...OWN_FLAGS[name], mainFile(name)]
  process.execve!(node, command, { ...process.env, ...programEnvironment(given), ...environment }) // no parent left
}

/** What a service gave us to pass on: units and launchers start `bramble agent` without flags. */
const serviceSettings = (): Record<string, unknown> => JSON.parse(process.env[CONFIG_VARIABLE] ?? '{}') as Record<string, unknown>

/** @throws SettingsError with a line per bad setting. */
export function checkConfig(name: StartedName, given: Record<string, unknown>): void {
  if (name === 'control-plane') parseServerConfig(given)
  else if (name === 'cri') parseCriConfig(given)
  else parseAgentConfig(given)
}
