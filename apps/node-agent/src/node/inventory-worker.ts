import { parentPort } from 'node:worker_threads'
import information from 'systeminformation'

// Runs in a worker thread that ends after one answer: the library and what it parsed would stay in the agent's memory for ever.

/** What systeminformation is asked for, once. */
export interface Hardware {
  readonly hostname: string
  readonly kernel: string
  readonly distribution: string
  readonly systemUuid: string
  readonly osUuid: string
  readonly cpuCount: number
  readonly memoryBytes: number
}

async function hardware(): Promise<Hardware> {
  const [os, system, cpu, memory, uuid] = await Promise.all([
    information.osInfo(),
    information.system(),
    information.cpu(),
    information.mem(),
    information.uuid(),
  ])
  return {
    hostname: os.hostname,
    kernel: os.kernel,
    distribution: `${os.distro} ${os.release}`,
    systemUuid: system.uuid && system.uuid !== '-' ? system.uuid : uuid.hardware,
    osUuid: uuid.os,
    cpuCount: cpu.cores,
    memoryBytes: memory.total,
  }
}

parentPort!.postMessage(await hardware())
