// Pure: where the cgroups of pods are, for either manager. The same below the root of each hierarchy, cgroup v1 or v2.
import type { PodResources } from '../runtime.ts'

export type CgroupManager = 'cgroupfs' | 'systemd'
export type QosClass = PodResources['qosClass']

export interface CgroupPlace {
  /** Folder below the root of each hierarchy; begins with "/". */
  readonly folder: string
  /** What runtimes take for a parent of containers: a path, or the name of a slice with systemd. */
  readonly parent: string
}

export const QOS_CLASSES: readonly QosClass[] = ['Guaranteed', 'Burstable', 'BestEffort']

/** The group of a class, in that of all pods. Guaranteed pods lie directly in the latter. @param name Of the group above all pods; one word. */
export const classPlace = (manager: CgroupManager, name: string, qosClass: QosClass): CgroupPlace =>
  place(manager, [name, ...below(qosClass)])

/** @see Source: kubernetes pkg/kubelet/cm, `GetPodContainerName` and `CgroupName.ToSystemd`. */
export const podPlace = (manager: CgroupManager, name: string, qosClass: QosClass, podUid: string): CgroupPlace =>
  place(manager, [name, ...below(qosClass), `pod${podUid}`])

/** Whether a folder in that of a class is the group of a pod, by its name. */
export const isOfPod = (manager: CgroupManager, name: string): boolean =>
  manager === 'cgroupfs' ? name.startsWith('pod') : /-pod[^-]+\.slice$/.test(name)

/** Names that runtimes give to a container's own group in that of its pod. */
export const containerFolders = (containerId: string): readonly string[] => [
  `libpod-${containerId}`,
  `libpod-${containerId}.scope`,
  containerId,
  `cri-containerd-${containerId}.scope`,
  `crio-${containerId}`,
  `crio-${containerId}.scope`,
]

/** A group that somebody else named: a path, or with systemd a slice, which lies in the slices that its name begins with. */
export function givenPlace(manager: CgroupManager, parent: string): CgroupPlace {
  if (manager === 'cgroupfs' || !parent.endsWith('.slice')) return { folder: parent.replace(/^\/*/, '/').replace(/\/+$/, ''), parent }
  const name = parent.split('/').at(-1)!
  const parts = name.slice(0, -'.slice'.length).split('-')
  return { folder: `/${parts.map((_, index) => `${parts.slice(0, index + 1).join('-')}.slice`).join('/')}`, parent: name }
}

const below = (qosClass: QosClass): readonly string[] => (qosClass === 'Guaranteed' ? [] : [qosClass.toLowerCase()])

/** A slice is named after all slices that it is in; "-" stands between them, so that a part must not have one. */
function place(manager: CgroupManager, parts: readonly string[]): CgroupPlace {
  if (manager === 'cgroupfs') {
    const path = `/${parts.join('/')}`
    return { folder: path, parent: path }
  }
  const plain = parts.map((part) => part.replaceAll('-', '_'))
  const slices = plain.map((_, index) => `${plain.slice(0, index + 1).join('-')}.slice`)
  return { folder: `/${slices.join('/')}`, parent: slices.at(-1)! }
}
