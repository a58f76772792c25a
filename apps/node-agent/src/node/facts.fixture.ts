import type { SystemFacts } from './system-facts.ts'

/** Of a board that nothing happens to. */
export const FACTS: SystemFacts = {
  inventory: async () => ({
    hostname: 'pi-1',
    machineId: 'm',
    systemUuid: 's',
    bootId: 'b',
    kernelVersion: '6.12',
    osImage: 'Debian',
    architecture: 'arm64',
    cpuCount: 4,
    memoryBytes: 2 ** 32,
    diskBytes: 2 ** 35,
    diskType: 'sd',
    pageSizeBytes: 4096,
  }),
  usage: async () => ({
    atMs: 0,
    cpuMillis: 100,
    windowMs: 1000,
    memoryBytes: 2 ** 28,
    memoryAvailableBytes: 2 ** 31,
    diskAvailableBytes: 2 ** 34,
    inodesAvailable: 1e6,
    processes: 100,
    addresses: ['192.0.2.1'],
  }),
}
