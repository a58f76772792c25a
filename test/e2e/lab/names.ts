// Pure: what things of a laboratory are called.

/** The client outside the cluster. */
export const OUTSIDE = 'outside'
export const GATEWAY = '198.51.100.254'
const OUTSIDE_NUMBER = 100
const HOSTS_MAX = 80

export interface Place {
  readonly host: string
  readonly ip: string
  readonly mac: string
  /** Its named network namespace, and its port on the switch. */
  readonly netns: string
  readonly port: string
}

/** Hosts `h1`… and the outside. Addresses are of a documentation network and exist inside the namespaces only. */
export function places(lab: string, hosts: number): readonly Place[] {
  if (!/^[a-z][a-z0-9-]{0,30}$/.test(lab)) throw new Error(`laboratory name "${lab}" must be lower-case letters, digits and "-"`)
  if (!(hosts >= 1 && hosts <= HOSTS_MAX)) throw new Error(`a laboratory has 1 to ${HOSTS_MAX} hosts, not ${hosts}`)
  const numbered = Array.from({ length: hosts }, (_, index) => place(lab, `h${index + 1}`, 11 + index))
  return [...numbered, place(lab, OUTSIDE, OUTSIDE_NUMBER)]
}

export const switchNetns = (lab: string): string => `${lab}-switch`

const place = (lab: string, host: string, number: number): Place => ({
  host,
  ip: `198.51.100.${number}`,
  mac: `02:42:c6:33:64:${number.toString(16).padStart(2, '0')}`,
  netns: `${lab}-${host}`,
  port: host,
})
