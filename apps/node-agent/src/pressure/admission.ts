// Pure: which pods a node takes in while it is short of something. Source: kubelet eviction managerImpl.Admit.
import type { Pod } from '@bramble/api/types/pod'
import { isCritical } from '../pods/node-shutdown.ts'
import type { Rejection } from '../pods/rejection.ts'
import { qosClass } from '../pods/resources.ts'
import type { PressureType } from './signals.ts'
import { rejectionMessage } from './words.ts'

const MEMORY_TAINT = 'node.kubernetes.io/memory-pressure'

/** undefined: the pod is welcome. */
export function refusedUnder(pressures: readonly PressureType[], pod: Pod): Rejection | undefined {
  if (pressures.length === 0 || isCritical(pod)) return undefined
  const onlyMemory = pressures.length === 1 && pressures[0] === 'MemoryPressure'
  if (onlyMemory && (qosClass(pod) !== 'BestEffort' || toleratesMemoryPressure(pod))) return undefined
  return { reason: 'Evicted', message: rejectionMessage(pressures) }
}

const toleratesMemoryPressure = ({ spec }: Pod): boolean =>
  (spec.tolerations ?? []).some(
    ({ key, operator = 'Equal', value = '', effect }) =>
      (effect === undefined || effect === 'NoSchedule') &&
      (operator === 'Exists' ? key === undefined || key === '' || key === MEMORY_TAINT : key === MEMORY_TAINT && value === ''),
  )
