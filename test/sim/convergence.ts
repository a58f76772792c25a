import { isPodReady, type Pod } from '../../packages/api/src/types/pod.ts'
import { conditionOf } from '../../packages/api/src/conditions.ts'
import { matchesRequirements, requirementsOf } from '../../packages/api/src/labels.ts'
import { VOLUME_NODE } from '../../packages/api/src/types/volume.ts'
import type { Service } from '../../packages/api/src/types/service.ts'
import type { ApiSnapshot, NodeSnapshot } from './invariants.ts'

/**
 * What is still missing for the fleet to be as wished, with no fault under way: empty when it has converged.
 * Spec, status, containers and kernel rules must all tell the same story.
 */
export function missing(api: ApiSnapshot, services: readonly Service[], nodes: readonly NodeSnapshot[]): readonly string[] {
  return [...unreadyNodes(api, nodes), ...workloads(api), ...volumes(api), ...containers(api, nodes), ...rules(api, services, nodes)]
}

const unreadyNodes = (api: ApiSnapshot, nodes: readonly NodeSnapshot[]): string[] =>
  nodes.flatMap(({ name }) => {
    const node = api.nodes.find(({ metadata }) => metadata.name === name)
    const ready = conditionOf(node?.status?.conditions, 'Ready')
    if (ready?.status !== 'True') return [`node ${name} is not ready: ${ready?.reason}`]
    return (node?.spec.taints ?? []).map(({ key }) => `node ${name} is still tainted ${key}`)
  })

function workloads(api: ApiSnapshot): string[] {
  const late: string[] = []
  for (const { metadata, spec, status } of api.deployments) {
    const counts = [status?.replicas, status?.updatedReplicas, status?.readyReplicas, status?.availableReplicas].map((count) => count ?? 0)
    if (counts.some((count) => count !== spec.replicas) || status?.observedGeneration !== metadata.generation)
      late.push(`deployment ${metadata.name}: ${counts.join('/')} of ${spec.replicas}`)
    if (conditionOf(status?.conditions, 'Progressing')?.reason !== 'NewReplicaSetAvailable')
      late.push(`deployment ${metadata.name} has not progressed`)
  }
  for (const { metadata, status } of api.daemonSets) {
    const counts = [
      status?.desiredNumberScheduled,
      status?.currentNumberScheduled,
      status?.numberReady,
      status?.updatedNumberScheduled,
      status?.numberAvailable,
    ]
    if (counts.some((count) => count !== api.nodes.length))
      late.push(`daemon set ${metadata.name}: ${counts.join('/')} of ${api.nodes.length}`)
  }
  return late
}

/** Nothing is left of claims that are gone; a claim is served on the node of its pod. */
const volumes = (api: ApiSnapshot): string[] =>
  api.volumes.flatMap(({ metadata, spec, status }) => {
    if (status?.phase !== 'Bound') return [`volume ${metadata.name} of ${spec.claimRef?.name} is ${status?.phase}`]
    const user = api.pods.find((pod) => pod.spec.volumes?.some(({ persistentVolumeClaim: of }) => of?.claimName === spec.claimRef?.name))
    const node = metadata.annotations?.[VOLUME_NODE]
    return user && user.spec.nodeName !== node ? [`pod ${user.metadata.name} is on ${user.spec.nodeName}, its volume on ${node}`] : []
  })

/** Every pod runs where the API says, with the status that it has there, and nothing else runs. */
function containers(api: ApiSnapshot, nodes: readonly NodeSnapshot[]): string[] {
  const late: string[] = []
  const sandboxes = nodes.flatMap((node) => node.sandboxes.map((sandbox) => ({ node: node.name, sandbox })))
  for (const { node, sandbox } of sandboxes)
    if (!api.pods.some((pod) => pod.metadata.uid === sandbox.podUid && pod.spec.nodeName === node))
      late.push(`${node} still has the sandbox of ${sandbox.name}`)
  for (const pod of api.pods) {
    const { name, uid, deletionTimestamp } = pod.metadata
    const found = sandboxes.find(({ sandbox }) => sandbox.podUid === uid)?.sandbox
    const runs = found?.containers.filter(({ state }) => state === 'running').length ?? 0
    if (deletionTimestamp) late.push(`pod ${name} is still leaving`)
    else if (runs !== pod.spec.containers.length)
      late.push(`pod ${name} on ${pod.spec.nodeName} runs ${runs} containers and is said to be ${pod.status?.phase}`)
    else if (!isPodReady(pod) || pod.status?.podIP !== found?.ip)
      late.push(`pod ${name} runs at ${found?.ip} and is said to be ${pod.status?.phase} at ${pod.status?.podIP}`)
  }
  return late
}

function rules(api: ApiSnapshot, services: readonly Service[], nodes: readonly NodeSnapshot[]): string[] {
  return services
    .filter(({ spec }) => spec.selector)
    .flatMap((service) => {
      const requirements = requirementsOf({ matchLabels: service.spec.selector! })
      const wanted = api.pods
        .filter((pod) => matchesRequirements(pod.metadata.labels, requirements) && isPodReady(pod))
        .map(addressOf)
        .sort()
        .join(' ')
      return nodes.flatMap(({ name, rules: table }) => {
        const forwards = table?.forwards.filter(({ id }) => id.startsWith(`${service.metadata.namespace}/${service.metadata.name}:`)) ?? []
        const got = forwards.map(({ backends }) =>
          backends
            .map(({ ip }) => ip)
            .sort()
            .join(' '),
        )
        return got.length === service.spec.ports!.length && got.every((ips) => ips === wanted)
          ? []
          : [`${name} sends ${service.metadata.name} to [${got.join('; ')}], not to [${wanted}]`]
      })
    })
}

const addressOf = (pod: Pod): string => pod.status?.podIP ?? '-'
