import { createHash, X509Certificate } from 'node:crypto'
import { connect } from 'node:tls'
import { type Cluster, ClusterError } from './cluster.ts'

const LIMIT_MS = 10_000

/**
 * What makes a machine a node that has no Bramble yet, in one line. The script comes from the control plane; curl does not know its
 * authority, but refuses every key but this one.
 *
 * @param flags For the installer, such as the token. @returns lines for a shell: what is for people is a comment.
 */
export async function installerLines(cluster: Cluster, flags: readonly string[]): Promise<string> {
  const releases = await cluster.call<readonly unknown[]>('GET', '/dist/index.json').catch((error: unknown) => {
    if (error instanceof ClusterError && (error.code === 403 || error.code === 404)) return [] // an older one, or roles that were changed
    throw error
  })
  const before = releases.length > 0 ? '' : ' (first give the control plane a release: bramble release import FILE)'
  const pin = await serverPin(cluster)
  return `# on a machine without Bramble${before}:
curl -fsSLk --pinnedpubkey '${pin}' ${cluster.server}/install.sh | sudo sh -s -- ${flags.join(' ')}`
}

/** Of the key that the control plane has now; its certificate is checked first. As curl's `--pinnedpubkey` takes it. */
function serverPin({ server, authority }: Cluster): Promise<string> {
  const { hostname, port } = new URL(server)
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port || 443), ca: authority, timeout: LIMIT_MS }, () => {
      const key = new X509Certificate(socket.getPeerCertificate().raw).publicKey.export({ type: 'spki', format: 'der' })
      socket.destroy()
      resolve(`sha256//${createHash('sha256').update(key).digest('base64')}`)
    })
    socket.on('timeout', () => socket.destroy(new Error(`no answer within ${LIMIT_MS / 1000} s`)))
    socket.on('error', (error) => reject(new ClusterError(`cannot reach the control plane at ${server}: ${error.message}`)))
  })
}
