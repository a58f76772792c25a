import type { Filter } from '../pipeline.ts'
import { decideVolumes } from '../volumes/decide.ts'

const ONE_POD_ONLY = 'node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode'

/** The volumes of a pod must be there, or be able to come there, and be its to use. */
export const volumesFilter: Filter = {
  name: 'volumes',
  check: ({ volumes }, { node }) => volumes === undefined || (!volumes.isTaken && typeof decideVolumes(volumes, node!) !== 'string'),
  explain: ({ volumes }, { node }) => {
    if (volumes!.isTaken) return [ONE_POD_ONLY]
    const reason = decideVolumes(volumes!, node!)
    return typeof reason === 'string' ? [reason] : []
  },
}
