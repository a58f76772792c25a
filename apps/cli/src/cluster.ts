import { readFileSync, statSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { parse } from 'yaml'

const LIMIT_MS = 10_000
const KUBECONFIG_BYTES_MAX = 1 << 20

/** The API said no, or could not be reached. */
export class ClusterError extends Error {
  override name = 'ClusterError'
  readonly code: number | undefined
  constructor(message: string, code?: number) {
    super(message)
    this.code = code
  }
}

/** The API as this machine's admin sees it: any API client could do what we do. */
export interface Cluster {
  readonly server: string
  /** PEM. */
  readonly authority: string
  call<T>(method: string, path: string, body?: unknown): Promise<T>
}

export const kubeconfigPath = (dataDirectory: string): string => join(dataDirectory, 'server', 'kubeconfig')

/** @throws ClusterError when this machine has no admin kubeconfig, or a damaged one. */
export const openCluster = (dataDirectory: string): Cluster => clusterOf(readKubeconfig(dataDirectory), kubeconfigPath(dataDirectory))

/** The cluster of a kubeconfig that `bramble kubeconfig` printed, on any machine. @throws ClusterError when it is not there, or damaged. */
export function openKubeconfig(path: string): Cluster {
  try {
    if (statSync(path).size > KUBECONFIG_BYTES_MAX) throw new ClusterError(`${path} is far too large for a kubeconfig`)
    return clusterOf(readFileSync(path, 'utf8'), path)
  } catch (error) {
    if (error instanceof ClusterError) throw error
    throw new ClusterError(`${path}: ${(error as Error).message}`)
  }
}

function clusterOf(text: string, path: string): Cluster {
  const { server, ...tls } = parseKubeconfig(text, path)
  return { server, authority: tls.ca, call: (method, path, body) => call(server, tls, method, path, body) }
}

/** Of a kubeconfig as the control plane writes it. */
function parseKubeconfig(
  text: string,
  path: string,
): { readonly server: string; readonly ca: string; readonly cert: string; readonly key: string } {
  const decode = (base64: string): string => Buffer.from(base64, 'base64').toString()
  try {
    const { clusters, users } = parse(text) as {
      clusters: { cluster: { server: string; 'certificate-authority-data': string } }[]
      users: { user: { 'client-certificate-data': string; 'client-key-data': string } }[]
    }
    const { server, 'certificate-authority-data': authority } = clusters[0]!.cluster
    const { 'client-certificate-data': certificate, 'client-key-data': key } = users[0]!.user
    return { server: new URL(server).origin, ca: decode(authority), cert: decode(certificate), key: decode(key) }
  } catch (error) {
    throw new ClusterError(
      `${path} is damaged (${(error as Error).message.split('\n')[0]!.slice(0, 200)}); start the control plane again, it writes a new one`,
    )
  }
}

export function readKubeconfig(dataDirectory: string): string {
  const path = kubeconfigPath(dataDirectory)
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EACCES') throw new ClusterError(`${path} is readable by root only; run this as root`)
    throw new ClusterError(
      `no control plane has run on this machine (${path} is not there); start one with "bramble up" or "bramble server", or name its folder with --data-dir`,
    )
  }
}

function call<T>(server: string, tls: { ca: string; cert: string; key: string }, method: string, path: string, body: unknown): Promise<T> {
  return new Promise((resolve, reject) => {
    const text = body === undefined ? undefined : JSON.stringify(body)
    const outgoing = request(
      `${server}${path}`,
      {
        ...tls,
        method,
        timeout: LIMIT_MS,
        headers: {
          accept: 'application/json',
          ...(text !== undefined && {
            'content-type': method === 'PATCH' ? 'application/merge-patch+json' : 'application/json',
            'content-length': Buffer.byteLength(text),
          }),
        },
      },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('end', () => {
          const answer = Buffer.concat(chunks).toString()
          const code = response.statusCode ?? 0
          const parsed = parseOr(answer)
          if (code >= 400) reject(new ClusterError((parsed as { message?: string } | undefined)?.message ?? answer, code))
          else resolve((parsed ?? answer) as T)
        })
      },
    )
    outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer within ${LIMIT_MS / 1000} s`)))
    outgoing.on('error', (error) =>
      reject(new ClusterError(`cannot reach the control plane at ${server}: ${error.message}; is it running? see "bramble status"`)),
    )
    outgoing.end(text)
  })
}

function parseOr(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
