import type { Filter } from '../pipeline.ts'

export const hostPortsFilter: Filter = {
  name: 'host-ports',
  check: ({ hostPorts }, view) => hostPorts.every((port) => view.hasFree(port)),
  explain: () => ["node(s) didn't have free ports for the requested pod ports"],
}
