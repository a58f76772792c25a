import { duplicate, required } from '@bramble/api/field-error'
import type { FieldError } from '@bramble/api/field-error'
import { check, dnsLabel, oneOf, portNumber, qualifiedName } from './rules.ts'

interface Port {
  readonly name?: string
  readonly port?: number
  readonly protocol?: string
  readonly appProtocol?: string
}

/**
 * The ports of Endpoints and of EndpointSlices.
 * @param isNumbered Whether each port must have a number; a slice may speak of all ports.
 * @param isNamed Whether each needs a name to tell it from the others.
 */
export function validateEndpointPorts(
  ports: readonly Port[],
  path: string,
  { isNumbered, isNamed }: { isNumbered: boolean; isNamed: boolean },
): readonly FieldError[] {
  return ports.flatMap(({ name = '', port, protocol, appProtocol }, index) => {
    const at = `${path}[${index}]`
    const isRepeated = ports.findIndex((other) => (other.name ?? '') === name) < index
    return [
      ...(name !== '' ? check(`${at}.name`, name, dnsLabel) : isNamed ? [required(`${at}.name`)] : []),
      ...(isRepeated && !(isNamed && name === '') ? [duplicate(`${at}.name`, name)] : []),
      ...(port === undefined && !isNumbered ? [] : check(`${at}.port`, port ?? 0, portNumber)),
      ...oneOf(`${at}.protocol`, protocol, ['SCTP', 'TCP', 'UDP']),
      ...(appProtocol === undefined ? [] : check(`${at}.appProtocol`, appProtocol, qualifiedName)),
    ]
  })
}
