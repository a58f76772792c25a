import { readdirSync, readFileSync } from 'node:fs'
import { type Family, single } from './family.ts'

/**
 * What this process takes of the machine, under the names that Prometheus' own client libraries use.
 *
 * Nothing runs between scrapes. The lag of the event loop is that of the moment of the scrape.
 */
export async function processMetrics(): Promise<readonly Family[]> {
  const lagSeconds = await eventLoopLag()
  const { user, system } = process.cpuUsage()
  const { rss, heapTotal, heapUsed, external } = process.memoryUsage()
  const { utilization } = performance.eventLoopUtilization()
  return [
    single('counter', 'process_cpu_seconds_total', 'Processor time, of user and system.', (user + system) / 1e6),
    single('gauge', 'process_resident_memory_bytes', 'Resident memory.', rss),
    single('gauge', 'process_start_time_seconds', 'Start of the process, in seconds since 1970.', performance.timeOrigin / 1000),
    ...systemMetrics(),
    single('gauge', 'nodejs_heap_size_total_bytes', 'Heap that is set aside for objects.', heapTotal),
    single('gauge', 'nodejs_heap_size_used_bytes', 'Heap that objects take.', heapUsed),
    single('gauge', 'nodejs_external_memory_bytes', 'Memory of objects outside the heap.', external),
    single('gauge', 'nodejs_eventloop_lag_seconds', 'How long a turn of the event loop takes just now.', lagSeconds),
    single('gauge', 'nodejs_eventloop_utilization', 'Share of time since the start in which the event loop was busy.', utilization),
    single('gauge', 'nodejs_version_info', 'Version of Node.js.', 1, { version: process.version }),
  ]
}

/** What only Linux tells. */
function systemMetrics(): readonly Family[] {
  try {
    const kilobytes = /^VmSize:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]
    const filesMax = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]
    return [
      single('gauge', 'process_virtual_memory_bytes', 'Virtual memory.', Number(kilobytes) * 1024),
      single('gauge', 'process_open_fds', 'Open files and connections.', readdirSync('/proc/self/fd').length - 1),
      ...(filesMax === undefined ? [] : [single('gauge', 'process_max_fds', 'How many may be open.', Number(filesMax))]),
    ]
  } catch {
    return []
  }
}

function eventLoopLag(): Promise<number> {
  const startMs = performance.now()
  return new Promise((resolve) => setImmediate(() => resolve((performance.now() - startMs) / 1000)))
}
