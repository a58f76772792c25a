import { quantityValue } from '@bramble/api/quantity'
import type { Container, Pod } from '@bramble/api/types/pod'
import { appArmorOf } from './security-context.ts'
import { forbiddenSysctl } from './sysctls.ts'

export interface AdmissionSettings {
  /** @see forbiddenSysctl */
  readonly unsafeSysctls: readonly string[]
  /** The kernel enforces AppArmor profiles. */
  readonly hasAppArmor: boolean
}

export interface Refusal {
  readonly reason: string
  readonly message: string
}

/**
 * Why this node does not run a pod at all, whatever the scheduler thought; undefined when it does. Pure.
 * @see Source: kubelet sysctl allowlist, apparmor validate, lifecycle predicates.
 */
export function refusalOf(pod: Pod, { unsafeSysctls, hasAppArmor }: AdmissionSettings): Refusal | undefined {
  const sysctl = forbiddenSysctl(pod, unsafeSysctls)
  if (sysctl !== undefined) return { reason: 'SysctlForbidden', message: sysctl }
  const containers: readonly Container[] = [...(pod.spec.initContainers ?? []), ...pod.spec.containers]
  if (!hasAppArmor && containers.some((container) => (appArmorOf(pod, container)?.type ?? 'Unconfined') !== 'Unconfined'))
    return { reason: 'AppArmor', message: 'Cannot enforce AppArmor: AppArmor is not enabled on the host' }
  return hugePagesRefusal(containers)
}

/** This node sets no huge pages aside. @see Source: kubelet lifecycle InsufficientResourceError. */
function hugePagesRefusal(containers: readonly Container[]): Refusal | undefined {
  for (const { resources } of containers)
    for (const [name, amount] of Object.entries({ ...resources?.requests, ...resources?.limits }))
      if (name.startsWith('hugepages-') && (quantityValue(amount) ?? 0) > 0)
        return {
          reason: `OutOf${name}`,
          message: `Node didn't have enough resource: ${name}, requested: ${quantityValue(amount)}, used: 0, capacity: 0`,
        }
  return undefined
}
