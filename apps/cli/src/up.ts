import { setTimeout as delay } from 'node:timers/promises'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Node } from '@bramble/api/types/node'
import { isConditionTrue } from '@bramble/api/conditions'
import { AGENT_SETTINGS, defaultNodeName, parseAgentConfig } from '../../node-agent/src/config.ts'
import { parseServerConfig, SERVER_SETTINGS } from '../../control-plane/src/config.ts'
import { type Cluster, kubeconfigPath, openCluster } from './cluster.ts'
import { installation } from './installation.ts'
import { checkConfig, type ProgramName } from './programs.ts'
import { type Services, services } from './services.ts'
import { mintToken } from './token.ts'
import { UsageError } from './fail.ts'

const API_LIMIT_MS = 60_000
const READY_LIMIT_MS = 180_000
const TOKEN_TTL_MS = 600_000

/** Starts both programs here, waits until this machine is a Ready node, and says what to type next. */
export async function up(given: Record<string, unknown>, foreground: boolean): Promise<void> {
  if (process.getuid?.() !== 0) throw new UsageError('"bramble up" needs root: it runs containers and sets up routes; try sudo')
  const serverGiven = only(
    given,
    SERVER_SETTINGS.map(({ name }) => name),
  )
  checkConfig('control-plane', serverGiven)
  const { dataDirectory, apiPort } = parseServerConfig(serverGiven)
  const agentGiven = {
    server: `https://127.0.0.1:${apiPort}`,
    ...only(
      given,
      AGENT_SETTINGS.map(({ name }) => name),
    ),
    'token-file': tokenFile(dataDirectory),
  }
  checkConfig('node-agent', agentGiven)
  const nodeName = parseAgentConfig(agentGiven).nodeName ?? defaultNodeName()
  const runner = services(dataDirectory)
  const stopping = interrupted(foreground)

  say(
    `control plane: starting (${runner.kind === 'systemd' ? 'systemd unit' : 'in the background'}, log: ${runner.logHint('control-plane')})`,
  )
  await runner.start('control-plane', serverGiven)
  const cluster = await waitForApi(runner, dataDirectory)
  say(`control plane: ready at ${cluster.server}`)

  if (!existsSync(join(dataDirectory, 'agent', 'identity', 'node.crt'))) await writeToken(cluster, dataDirectory, nodeName)
  say(`agent: starting as node "${nodeName}" (log: ${runner.logHint('node-agent')})`)
  await runner.start('node-agent', agentGiven)
  const tookMs = await waitForNode(runner, cluster, nodeName)
  say(`node "${nodeName}": Ready after ${(tookMs / 1000).toFixed(1)} s`)
  printNextSteps(cluster, dataDirectory)

  if (!foreground) return
  say('running; Ctrl-C stops both programs, pods go on running')
  await stopping
  for (const name of ['node-agent', 'control-plane'] as const) await runner.stop(name)
  say('stopped')
}

const tokenFile = (dataDirectory: string): string => join(dataDirectory, 'join-token')

/** For this machine alone: if its node is known, from before its folder was lost, it is the same one. */
async function writeToken(cluster: Cluster, dataDirectory: string, nodeName: string): Promise<void> {
  await mkdir(dataDirectory, { recursive: true })
  await rm(tokenFile(dataDirectory), { force: true })
  await writeFile(tokenFile(dataDirectory), await mintToken(cluster, { ttlMs: TOKEN_TTL_MS, uses: 1, nodeName }), { mode: 0o600 })
}

async function waitForApi(runner: Services, dataDirectory: string): Promise<Cluster> {
  let last: unknown
  for (let waitedMs = 0; waitedMs < API_LIMIT_MS; waitedMs += 200) {
    try {
      const cluster = openCluster(dataDirectory)
      await cluster.call('GET', '/readyz')
      await cluster.call('GET', '/api/v1/namespaces/kube-system')
      return cluster
    } catch (error) {
      last = error
    }
    if (await isHopeless(runner, 'control-plane', waitedMs)) break
    await delay(200)
  }
  throw new Error(`the control plane did not start: ${(last as Error).message}\n${await lastLines(runner, 'control-plane')}`)
}

async function waitForNode(runner: Services, cluster: Cluster, nodeName: string): Promise<number> {
  let last = 'it has not joined'
  for (let waitedMs = 0; waitedMs < READY_LIMIT_MS; waitedMs += 200) {
    const node = await cluster.call<Node>('GET', `/api/v1/nodes/${nodeName}`).catch((error: Error) => {
      last = error.message
      return undefined
    })
    if (isConditionTrue(node?.status?.conditions, 'Ready')) return waitedMs
    last = node?.status?.conditions?.find(({ type }) => type === 'Ready')?.message ?? last
    if (await isHopeless(runner, 'node-agent', waitedMs)) break
    await delay(200)
  }
  throw new Error(`node "${nodeName}" did not become Ready: ${last}\n${await lastLines(runner, 'node-agent')}`)
}

/** It ended by itself more than once, or for good. */
const isHopeless = async (runner: Services, name: ProgramName, waitedMs: number): Promise<boolean> =>
  (await runner.restarts(name)) > 1 || (waitedMs > 1_000 && !(await runner.isRunning(name)))

/** The end of its log, where it is a file: why it did not start stands there. */
async function lastLines(runner: Services, name: ProgramName): Promise<string> {
  const text = await readFile(runner.logHint(name), 'utf8').catch(() => undefined)
  return text === undefined
    ? `see: ${runner.logHint(name)}`
    : `${runner.logHint(name)} ends with:\n${text.trimEnd().split('\n').slice(-5).join('\n')}`
}

function printNextSteps(cluster: Cluster, dataDirectory: string): void {
  console.log(`
Your cluster is at ${cluster.server}. Next:

  export KUBECONFIG=${kubeconfigPath(dataDirectory)}
  kubectl get nodes -o wide
  kubectl apply -f examples/hello.yaml
  kubectl get pods -o wide -w
  curl http://127.0.0.1:30080/

To add another machine, run "${typed('bramble token create')}" here and paste the line that it prints there.
Stop with "${installation.kind === 'sources' ? 'npm stop' : 'bramble down'}" (pods go on running); remove everything with "${typed('bramble reset --yes')}".`)
}

/** As a person types it here. */
const typed = (command: string): string => (installation.kind === 'sources' ? `bin/${command}` : command)

function interrupted(listen: boolean): Promise<void> {
  if (!listen) return Promise.resolve()
  return new Promise((resolve) => {
    const stay = setInterval(() => {}, 60_000) // a signal handler alone does not keep a process
    for (const name of ['SIGINT', 'SIGTERM'] as const)
      process.on(name, () => {
        // Ctrl-C reaches the launcher and us, and the launcher passes it on: twice is once
        clearInterval(stay)
        resolve()
      })
  })
}

const only = (given: Record<string, unknown>, names: readonly string[]): Record<string, unknown> =>
  Object.fromEntries(Object.entries(given).filter(([name]) => names.includes(name)))

const say = (text: string): void => console.log(`bramble: ${text}`)
