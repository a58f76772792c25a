import type { Container, Pod } from '@bramble/api/types/pod'
import type { Devices } from '../../devices/devices.ts'
import { type Asking, devicesWanted } from '../../devices/plan.ts'
import type { GrantedDevices } from '../container-config.ts'
import { isSidecar } from '../restart-policy.ts'

/** Devices of the node for a container, as its limits name them. @throws RuntimeError `UnexpectedAdmissionError` */
export const grantDevices = (
  devices: Pick<Devices, 'take'>,
  pod: Pod,
  container: Container,
  signal: AbortSignal,
): Promise<GrantedDevices & { readonly closedPaths: readonly string[] }> =>
  devices.take({ podUid: pod.metadata.uid, ...askingOf(pod, container) }, isInit(pod, container), signal)

/** Why the node cannot give a pod the devices that it asks for; undefined when it can. */
export const deviceRefusal = (devices: Pick<Devices, 'refusal'>, pod: Pod): string | undefined =>
  devices.refusal(
    pod.metadata.uid,
    [...(pod.spec.initContainers ?? []), ...pod.spec.containers].map((container) => askingOf(pod, container)),
  )

/** Init containers come one after the other: each may have what the ones before it had. */
function askingOf(pod: Pod, container: Container): Omit<Asking, 'podUid'> {
  const inits = pod.spec.initContainers ?? []
  const at = inits.findIndex(({ name }) => name === container.name)
  const before = at < 0 ? inits : inits.slice(0, at)
  return {
    container: container.name,
    wanted: devicesWanted(container.resources?.limits),
    successorOf: before.filter((init) => !isSidecar(init)).map(({ name }) => name),
  }
}

const isInit = (pod: Pod, container: Container): boolean =>
  !isSidecar(container) && (pod.spec.initContainers ?? []).some(({ name }) => name === container.name)
