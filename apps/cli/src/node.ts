import { conditionOf, isConditionTrue } from '@bramble/api/conditions'
import { humanDuration } from '@bramble/api/duration'
import type { CertificateSigningRequest } from '@bramble/api/types/certificates'
import type { Node } from '@bramble/api/types/node'
import {
  DEVICE_KEY,
  DEVICE_MODEL,
  DEVICE_SERIAL,
  ENROLMENT_SIGNER,
  REMOVED_DEVICES,
  REQUEST_ADDRESS,
} from '@bramble/api/types/node-identity'
import { TOKEN_NAMESPACE } from '@bramble/link/join-token'
import { systemClock } from '@bramble/reconcile/env'
import { parseServerConfig } from '../../control-plane/src/config.ts'
import { type Cluster, ClusterError, openCluster } from './cluster.ts'
import { UsageError } from './fail.ts'
import { printTable } from './token.ts'

const NODES = '/api/v1/nodes'
const REQUESTS = '/apis/certificates.k8s.io/v1/certificatesigningrequests'
const CONFIG_MAPS = `/api/v1/namespaces/${TOKEN_NAMESPACE}/configmaps`

/** Prints every node, and every device that waits to be one. */
export async function listNodes(given: Record<string, unknown>): Promise<void> {
  const cluster = open(given)
  const selector = encodeURIComponent(`spec.signerName=${ENROLMENT_SIGNER}`)
  const [{ items: nodes }, { items: requests }] = await Promise.all([
    cluster.call<{ items: Node[] }>('GET', NODES),
    cluster.call<{ items: CertificateSigningRequest[] }>('GET', `${REQUESTS}?fieldSelector=${selector}`),
  ])
  const waiting = requests.filter((request) => decisionOf(request) === undefined)
  printTable([['NAME', 'STATUS', 'VERSION', 'SERIAL', 'MODEL', 'ADDRESS', 'AGE'], ...nodes.map(nodeRow), ...waiting.map(requestRow)])
  const [first] = waiting
  if (first)
    console.log(
      `\n${waiting.length} waiting; let one in with: bramble node approve ${first.metadata.name} (or: bramble node deny ${first.metadata.name})`,
    )
}

/** Lets a known board with a new card have its node's name back; its old card is locked out then. */
export async function approveNode(given: Record<string, unknown>, name: string): Promise<void> {
  const request = await decide(open(given), name, 'Approved', 'approved')
  console.log(`node "${name}" approved for ${deviceWords(request)}; it asks again within a minute, and its old card is worth nothing then`)
}

export async function denyNode(given: Record<string, unknown>, name: string): Promise<void> {
  const request = await decide(open(given), name, 'Denied', 'denied')
  console.log(`${deviceWords(request)} denied the name "${name}"; it is told so, and does not ask again`)
}

/**
 * Removes a node for good: its device may not connect any more, with whatever certificate it has.
 * @throws UsageError when there is no such node.
 */
export async function removeNode(given: Record<string, unknown>, name: string): Promise<void> {
  const cluster = open(given)
  const node = await orUsage(cluster.call<Node>('GET', at(NODES, name)), `no node is called "${name}"; "bramble node list" shows them`)
  const device = node.metadata.annotations?.[DEVICE_KEY]
  if (device !== undefined) {
    await noteRemoved(cluster, device, name)
    // its connection ends now, so that no last word of it makes the Node anew
    await unlessGone(cluster.call('PATCH', at(NODES, name), { metadata: { annotations: { [DEVICE_KEY]: 'removed' } } }))
  }
  await unlessGone(cluster.call('DELETE', at(NODES, name)))
  console.log(
    `node "${name}" removed; its certificate is worth nothing now. Pods that run on the machine run on: end them there with "bramble leave", or flash its card anew`,
  )
}

const open = (given: Record<string, unknown>): Cluster => openCluster(parseServerConfig(given).dataDirectory)
const at = (path: string, name: string): string => `${path}/${encodeURIComponent(name)}`

const decisionOf = ({ status }: CertificateSigningRequest): string | undefined =>
  ['Denied', 'Approved'].find((type) => conditionOf(status?.conditions, type) !== undefined)

async function decide(cluster: Cluster, name: string, type: 'Approved' | 'Denied', verb: string): Promise<CertificateSigningRequest> {
  const nobody = `no device waits to be node "${name}"; "bramble node list" shows those that do`
  const request = await orUsage(cluster.call<CertificateSigningRequest>('GET', at(REQUESTS, name)), nobody)
  if (request.spec.signerName !== ENROLMENT_SIGNER) throw new UsageError(nobody)
  const before = decisionOf(request)
  if (before === type) return request
  if (before !== undefined)
    throw new UsageError(`node "${name}" was ${before.toLowerCase()} before; that stays. To be asked again: kubectl delete csr ${name}`)
  const condition = { type, status: 'True', reason: 'Operator', message: `${verb} with "bramble node"` }
  const decided = { ...request, status: { ...request.status, conditions: [...(request.status?.conditions ?? []), condition] } }
  return cluster.call('PUT', `${at(REQUESTS, name)}/approval`, decided)
}

function deviceWords({ metadata: { annotations = {} } }: CertificateSigningRequest): string {
  const from = annotations[REQUEST_ADDRESS] === undefined ? '' : ` at ${annotations[REQUEST_ADDRESS]}`
  return `board ${annotations[DEVICE_SERIAL] ?? 'without a serial'} (${annotations[DEVICE_MODEL] ?? 'of unknown model'})${from}`
}

async function noteRemoved(cluster: Cluster, device: string, name: string): Promise<void> {
  const data = { [device]: `${name} ${new Date(systemClock.nowMs()).toISOString()}` }
  try {
    await cluster.call('PATCH', at(CONFIG_MAPS, REMOVED_DEVICES), { data })
  } catch (error) {
    if (!isMissing(error)) throw error
    await cluster.call('POST', CONFIG_MAPS, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: REMOVED_DEVICES }, data })
  }
}

const isMissing = (error: unknown): boolean => error instanceof ClusterError && error.code === 404

async function orUsage<T>(call: Promise<T>, message: string): Promise<T> {
  try {
    return await call
  } catch (error) {
    throw isMissing(error) ? new UsageError(message) : error
  }
}

async function unlessGone(call: Promise<unknown>): Promise<void> {
  try {
    await call
  } catch (error) {
    if (!isMissing(error)) throw error
  }
}

function nodeRow({ metadata, spec, status }: Node): readonly string[] {
  const ready = isConditionTrue(status?.conditions, 'Ready') ? 'Ready' : 'NotReady'
  return row(metadata, {
    status: spec.unschedulable ? `${ready},SchedulingDisabled` : ready,
    version: status?.nodeInfo?.kubeletVersion?.replace(/^.*\+bramble\./, ''),
    address: status?.addresses?.find(({ type }) => type === 'InternalIP')?.address,
  })
}

const requestRow = ({ metadata }: CertificateSigningRequest): readonly string[] =>
  row(metadata, { status: 'Pending approval', version: undefined, address: metadata.annotations?.[REQUEST_ADDRESS] })

function row(
  { name, annotations = {}, creationTimestamp }: Node['metadata'],
  { status, version, address }: { readonly status: string; readonly version: string | undefined; readonly address: string | undefined },
): readonly string[] {
  const age = humanDuration(systemClock.nowMs() - Date.parse(creationTimestamp))
  const cells = [name, status, version, annotations[DEVICE_SERIAL], annotations[DEVICE_MODEL], address, age]
  return cells.map((cell) => cell || '<none>')
}
