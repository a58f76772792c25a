import type { Container } from '@bramble/api/types/pod'

/**
 * A port that a probe or hook names by number or by name.
 * @throws Error in Kubernetes' words when the container has no such port, or none has such a number.
 * @see Source: kubelet probe.ResolveContainerPort.
 */
export function portNumber(container: Container, port: number | string): number {
  const number =
    typeof port === 'number' || /^\d+$/.test(port) ? Number(port) : container.ports?.find(({ name }) => name === port)?.containerPort
  if (number === undefined) throw new Error(`couldn't find port: ${port} in container ${container.name}`)
  if (number < 1 || number > 65_535) throw new Error(`invalid port number: ${number}`)
  return number
}
