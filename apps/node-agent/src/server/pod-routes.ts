import type { Pod } from '@bramble/api/types/pod'
import type { PodLookup, SeenPod } from '../pods/streams/pod-lookup.ts'
import { jsonAnswer, type ServerRoute } from './routes.ts'

/** What this node runs: `/pods` as it was told to, with the newest statuses; `/runningpods` as the runtime shows it. Source: kubelet. */
export const podRoutes = (lookup: PodLookup): readonly ServerRoute[] => [
  { path: '/pods', access: 'tunnel', handle: async () => jsonAnswer(podList(lookup.all().map(withStatus))) },
  { path: '/runningpods', access: 'tunnel', handle: async () => jsonAnswer(podList(lookup.all().flatMap(running))) },
]

const podList = (items: readonly unknown[]) => ({ kind: 'PodList', apiVersion: 'v1', metadata: {}, items })

const withStatus = ({ pod, status }: SeenPod): Pod => (status ? { ...pod, status } : pod)

/** Names, images and nothing else. Source: kubelet, `ToAPIPod`. */
function running({ pod: { metadata }, sandbox }: SeenPod) {
  const containers = sandbox?.containers.filter(({ state }) => state === 'running') ?? []
  if (containers.length === 0) return []
  const { name, namespace, uid } = metadata
  const spec = { containers: containers.map(({ name: container, imageReference: image }) => ({ name: container, image, resources: {} })) }
  return [{ metadata: { name, namespace, uid, creationTimestamp: null }, spec, status: {} }]
}
