import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, writeFile, rm } from 'node:fs/promises'
import { get } from 'node:http'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Command } from 'commander'
import { parseToken } from '@bramble/link/join-token'
import { AGENT_SETTINGS, parseAgentConfig } from '../../node-agent/src/config.ts'
import { UsageError } from './fail.ts'
import { checkConfig, programCommand, programEnvironment } from './programs.ts'
import { run } from './run.ts'
import { type Services, services } from './services.ts'
import { addSettings, givenSettings } from './setting-options.ts'

/** The token's file is ours: the agent removes it once it is a member. */
const JOIN_SETTINGS = AGENT_SETTINGS.filter(({ name }) => name !== 'token-file')
const JOIN_LIMIT_MS = 180_000
const LOOK_MS = 500
const CHECK_LIMIT_MS = 120_000

interface JoinOptions {
  readonly tokenFile?: string
  readonly start: boolean
  readonly fix: boolean
}

export function addJoinCommand(program: Command): void {
  addSettings(
    program.command('join').description('make this machine a node: it is one again after each reboot, until "bramble leave"'),
    JOIN_SETTINGS,
  )
    .option('--token-file <FILE>', 'file that holds the join token; it is moved to where only the agent reads it')
    .option('--no-start', 'only set everything up; the node starts with the next boot')
    .option('--no-fix', 'leave the machine as it is: modules, settings of the kernel and cmdline.txt are not mended')
    .action((_options, command: Command) => joinCluster(givenSettings(command, JOIN_SETTINGS), command.opts<JoinOptions>()))
}

/**
 * Sets the agent up as a service of this machine and starts it. Repeating it changes settings and nothing else; a machine that has
 * joined needs no token.
 */
async function joinCluster(given: Record<string, unknown>, { tokenFile, start, fix }: JoinOptions): Promise<void> {
  if (process.getuid?.() !== 0) throw new UsageError('"bramble join" needs root: it sets up a service that runs containers; try sudo')
  const { token: givenToken, ...settings } = given
  checkConfig('node-agent', settings)
  const { dataDirectory } = parseAgentConfig(settings)
  const isMember = existsSync(join(dataDirectory, 'agent', 'identity', 'node.crt'))
  const kept = join(dataDirectory, 'join-token')
  const token = await tokenOf(givenToken, tokenFile)
  if (token === undefined && !isMember && !existsSync(kept))
    throw new UsageError('say --token or --token-file, as "bramble token create" printed it on the control plane')
  if (settings['server'] === undefined && !isMember)
    throw new UsageError('say --server, the address of the control plane, such as https://192.168.1.10:6443')
  if (token !== undefined && !isMember) await keepToken(kept, token)
  if (tokenFile !== undefined && tokenFile !== kept) await rm(tokenFile, { force: true })

  const needsReboot = fix && (await preflight(settings))
  const runner = services(dataDirectory)
  const config = { ...settings, 'token-file': kept }
  if (!start) {
    await runner.install('node-agent', config)
    return say('set up; this machine is a node from the next boot on')
  }
  say(`starting the agent (log: ${runner.logHint('node-agent')})`)
  await runner.start('node-agent', config)
  await waitUntilReady(runner, parseAgentConfig(config).localPort, kept)
  if (needsReboot) say('reboot once, so that limits of memory hold: the memory cgroup is turned on at boot')
}

/** @throws UsageError when it is none: better here than in a log. */
async function tokenOf(given: unknown, file: string | undefined): Promise<string | undefined> {
  if (given !== undefined && file !== undefined) throw new UsageError('--token and --token-file say the same; give one of them')
  const text =
    file === undefined
      ? given
      : await readFile(file, 'utf8').catch((error: Error) => {
          throw new UsageError(`--token-file: ${error.message}`)
        })
  if (typeof text !== 'string') return undefined
  try {
    parseToken(text)
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
  return text.trim()
}

async function keepToken(path: string, token: string): Promise<void> {
  await mkdir(join(path, '..'), { recursive: true, mode: 0o755 })
  await rm(`${path}.part`, { force: true })
  await writeFile(`${path}.part`, `${token}\n`, { mode: 0o600, flush: true })
  await rename(`${path}.part`, path)
}

/** Mends what may be mended. Nothing of it keeps a machine from joining: what is wrong shows as conditions of the node. @returns whether a reboot is due. */
async function preflight(settings: Record<string, unknown>): Promise<boolean> {
  const [file, ...args] = programCommand('node-agent')
  const { stdout, stderr } = await run(file!, args, CHECK_LIMIT_MS, { ...programEnvironment(settings), BRAMBLE_CHECK: 'fix' })
  process.stdout.write(stdout === '' ? `${stderr}\n` : `${stdout}\n`)
  return /reboot/i.test(stdout)
}

/** Until pods can run here. @throws Error with what the agent says, when it ends for good or takes too long. */
async function waitUntilReady(runner: Services, port: number, tokenFile: string): Promise<void> {
  for (let waitedMs = 0; waitedMs < JOIN_LIMIT_MS; waitedMs += LOOK_MS) {
    if (!existsSync(tokenFile) && (port === 0 || (await isReady(port)))) return say('this machine is a Ready node')
    if (waitedMs > 2_000 && !(await runner.isRunning('node-agent')))
      throw new Error(`the agent ended; its log says why: ${runner.logHint('node-agent')}`)
    await delay(LOOK_MS)
  }
  const what = existsSync(tokenFile) ? 'has not joined' : 'is not ready'
  throw new Error(
    `this machine ${what} within ${JOIN_LIMIT_MS / 1000} s; the agent goes on trying, its log says why: ${runner.logHint('node-agent')}`,
  )
}

const isReady = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const request = get({ host: '127.0.0.1', port, path: '/readyz', timeout: 2_000 }, (response) => {
      response.resume()
      resolve(response.statusCode === 200)
    })
    request.on('timeout', () => request.destroy())
    request.on('error', () => resolve(false))
  })

const say = (text: string): void => console.log(`bramble: ${text}`)
