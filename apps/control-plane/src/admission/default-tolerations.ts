import type { Pod, Toleration } from '@bramble/api/types/pod'
import type { AdmissionRequest, AdmissionStep } from '../api/requests.ts'

/** How long a pod stays bound to a node that is lost, unless it says otherwise itself. */
const STAY_SECONDS = 300

const LOST: readonly string[] = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable']

/** Source: Kubernetes plugin/pkg/admission/defaulttolerationseconds. */
export const defaultTolerations: AdmissionStep = {
  name: 'DefaultTolerationSeconds',
  admit: ({ operation, resource, subresource, object }: AdmissionRequest) => {
    if (operation === 'delete' || subresource !== undefined || resource.group !== '' || resource.kind !== 'Pod') return
    const { spec } = object as Pod
    const missing = LOST.filter((key) => !spec.tolerations?.some((toleration) => tolerates(toleration, key)))
    if (missing.length === 0) return
    const added = missing.map((key): Toleration => ({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: STAY_SECONDS }))
    spec.tolerations = [...(spec.tolerations ?? []), ...added]
  },
}

const tolerates = ({ key, effect }: Toleration, lost: string): boolean => (!key || key === lost) && (!effect || effect === 'NoExecute')
