import { chmod, mkdir, open, rm, stat, writeFile, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Container, Pod } from '@bramble/api/types/pod'
import { isMissing, readIfPresent } from '../../host/files.ts'
import type { ContainerState } from '../../runtime/runtime.ts'
import { containerLogPath, TERMINATION_MESSAGE_PATH } from '../container-config.ts'
import type { PodFacts, Warn } from '../environment.ts'
import { lastLines } from '../log-file.ts'
import { hostsFile } from './network-files.ts'
import { type DnsSettings, resolvConf } from './resolv-conf.ts'

const MESSAGE_BYTES_MAX = 4096
const FALLBACK_BYTES_MAX = 2048
const FALLBACK_LINES_MAX = 80

export interface OwnFile {
  readonly containerPath: string
  readonly hostPath: string
}

/**
 * Files that every container gets: one for its last words, /etc/hosts and /etc/resolv.conf. Its log's folder is made as well.
 *
 * @param folder Of the pod, in memory.
 */
export async function makeOwnFiles(
  folder: string,
  logRoot: string,
  dns: DnsSettings,
  pod: Pod,
  container: Container,
  attempt: number,
  facts: PodFacts,
  warn?: Warn,
): Promise<readonly OwnFile[]> {
  await mkdir(dirname(containerLogPath(logRoot, pod, container.name, attempt)), { recursive: true, mode: 0o755 })
  const message = messageFile(folder, container.name, attempt)
  await mkdir(dirname(message), { recursive: true })
  await writeFile(message, '', { flag: 'a' })
  await chmod(message, 0o666)
  const [hostHosts = '', hostResolvConf = '', upstream] = await Promise.all(
    ['/etc/hosts', '/etc/resolv.conf', '/run/systemd/resolve/resolv.conf'].map(readIfPresent),
  )
  const hosts = join(folder, 'hosts')
  const resolv = join(folder, 'resolv.conf')
  await writeIfChanged(hosts, hostsFile(pod, facts.podIp, hostHosts, dns.domain))
  await writeIfChanged(resolv, resolvConf(pod, dns, { resolvConf: hostResolvConf, ...(upstream !== undefined && { upstream }) }, warn))
  return [
    { containerPath: container.terminationMessagePath ?? TERMINATION_MESSAGE_PATH, hostPath: message },
    { containerPath: '/etc/hosts', hostPath: hosts },
    { containerPath: '/etc/resolv.conf', hostPath: resolv },
  ]
}

/** @see Source: core/v1 Container terminationMessagePolicy. */
export async function lastWords(folder: string, container: Container, state: ContainerState): Promise<string> {
  const written = await readStart(messageFile(folder, state.name, state.attempt), MESSAGE_BYTES_MAX)
  if (written !== '' || container.terminationMessagePolicy !== 'FallbackToLogsOnError' || state.exitCode === 0) return written
  return (await lastLines(state.logPath, FALLBACK_LINES_MAX)).slice(-FALLBACK_BYTES_MAX)
}

export const removeLastWords = (folder: string, { name, attempt }: ContainerState): Promise<void> =>
  rm(messageFile(folder, name, attempt), { force: true })

const messageFile = (folder: string, container: string, attempt: number): string =>
  join(folder, 'containers', container, `${attempt}.message`)

/** In place: containers hold the file itself by its mount. */
async function writeIfChanged(path: string, text: string): Promise<void> {
  if ((await readIfPresent(path)) !== text) await writeFile(path, text, { mode: 0o644 })
}

async function readStart(path: string, bytes: number): Promise<string> {
  try {
    if ((await stat(path)).size <= bytes) return await readFile(path, 'utf8')
    const file = await open(path, 'r')
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, 0)
      return buffer.toString('utf8', 0, bytesRead)
    } finally {
      await file.close()
    }
  } catch (error) {
    if (isMissing(error)) return ''
    throw error
  }
}
