import assert from 'node:assert/strict'
import { execFile, type ExecFileOptions } from 'node:child_process'
import { existsSync, readdirSync, realpathSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { systemClock } from '@bramble/reconcile/env'
import { adminKubeconfig } from '../pki/kubeconfig.ts'
import { openPki, type Pki } from '../pki/pki.ts'
import { testApi, testEnv } from './http.fixture.ts'
import { serveHttps } from './server.ts'

/** The oldest and the newest kubectl of this machine, or the only one. */
export function kubectls(): readonly string[] {
  const found = (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, 'kubectl'))
    .find(existsSync)
  if (found === undefined) return []
  const folder = dirname(realpathSync(found))
  const versions = readdirSync(folder)
    .filter((name) => /^kubectl\.1\.\d+$/.test(name))
    .sort((a, b) => minorOf(a) - minorOf(b))
  return versions.length > 0 ? [...new Set([versions[0]!, versions.at(-1)!])].map((name) => join(folder, name)) : [found]
}

export const minorOf = (kubectl: string): number => Number(kubectl.split('.').at(-1))

export interface KubectlServer {
  /** For files of the test; gone at the end. */
  readonly folder: string
  readonly url: string
  readonly pki: Pki
  readonly api: Awaited<ReturnType<typeof testApi>>
  /** Path of an administrator's. */
  readonly kubeconfig: string
  close(): Promise<void>
}

/** The API behind TLS on the loopback, for programs. */
export async function serveForKubectl(overrides: Parameters<typeof testApi>[0] = {}): Promise<KubectlServer> {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-kubectl-'))
  const stop = new AbortController()
  const env = testEnv()
  const pki = await openPki(join(folder, 'pki'), ['localhost'], ['127.0.0.1'], systemClock)
  const api = await testApi({ env, identify: undefined, stop: stop.signal, openapiFolder: join(folder, 'openapi'), ...overrides })
  const { port, closed } = await serveHttps({
    app: api.app,
    env,
    cert: pki.server.certificate,
    key: pki.server.key,
    clientCa: pki.authority,
    host: '127.0.0.1',
    port: 0,
    signal: stop.signal,
  })
  const url = `https://127.0.0.1:${port}`
  const kubeconfig = join(folder, 'kubeconfig')
  await writeFile(kubeconfig, adminKubeconfig(pki, url), { mode: 0o600 })
  const close = async (): Promise<void> => {
    stop.abort()
    await closed
    await rm(folder, { recursive: true, force: true, maxRetries: 3 }) // documents may be under way
  }
  return { folder, url, pki, api, kubeconfig, close }
}

export interface KubectlResult {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** Ways to run one kubectl in a namespace of its own. @param server Asked at each run. */
export function kubectlRunner(kubectl: string, namespace: string, server: () => Pick<KubectlServer, 'folder' | 'kubeconfig'>) {
  const argv = (args: readonly string[]): readonly string[] => [
    '--cache-dir',
    join(server().folder, 'cache', namespace),
    '--namespace',
    namespace,
    ...args,
  ]
  const options = (kubeconfig = server().kubeconfig): ExecFileOptions => ({
    env: { ...process.env, KUBECONFIG: kubeconfig, HOME: server().folder },
    timeout: 30_000,
  })
  const run = (command: string, input?: string, kubeconfig?: string): Promise<KubectlResult> =>
    new Promise((resolve) => {
      const child = execFile(kubectl, argv(command.split(' ')), options(kubeconfig), (error, out, err) =>
        resolve({ code: error ? Number(error.code ?? -1) : 0, out: String(out), err: String(err) }),
      )
      child.stdin!.end(input)
    })
  /** Runs a command that must succeed. */
  const ok = async (command: string, input?: string, kubeconfig?: string): Promise<string> => {
    const { code, out, err } = await run(command, input, kubeconfig)
    assert.equal(code, 0, `kubectl ${command}: ${err}`)
    return out
  }
  return { argv, options, run, ok }
}
