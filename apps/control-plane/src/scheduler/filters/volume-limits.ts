import type { NodeView } from '../node-view.ts'
import type { Filter } from '../pipeline.ts'
import type { PodNeeds } from '../pod-needs.ts'

/**
 * A driver may say how many volumes a node can have.
 * @see Source: kube-scheduler plugins/nodevolumelimits csi.go.
 */
export const volumeLimitsFilter: Filter = {
  name: 'volume-limits',
  check: isWithinLimits,
  explain: () => ['node(s) exceed max volume count'],
}

function isWithinLimits({ claims, volumes }: PodNeeds, view: NodeView): boolean {
  if (!volumes || volumes.drivers.size === 0) return true
  for (const driver of volumes.drivers) {
    const most = volumes.lookup.limitOf(view.node!.metadata.name, driver)
    if (most === undefined) continue
    const handles = new Set<string>()
    const add = (keys: readonly string[]): void => {
      for (const key of keys) {
        const volume = volumes.lookup.csiVolumeOf(key)
        if (volume?.driver === driver) handles.add(volume.handle)
      }
    }
    add(claims)
    const wanted = handles.size
    for (const pod of view.pods()) add(pod.claims)
    if (wanted > 0 && handles.size > most) return false
  }
  return true
}
