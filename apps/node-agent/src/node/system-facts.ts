import type { Board } from './board/board.ts'

/** What a node knows about itself. `si-facts.ts` asks systeminformation once and /proc afterwards; tests bring their own. */
export interface SystemFacts {
  /** Slow, once: may start child processes. */
  inventory(): Promise<Inventory>
  /** Cheap: no child process, called in a loop. */
  usage(): Promise<Usage>
  /** Power, wear and sensors of a board; absent: nobody looks. */
  readonly board?: Pick<Board, 'power' | 'storage' | 'read'>
}

export interface Inventory {
  readonly hostname: string
  readonly machineId: string
  readonly systemUuid: string
  readonly bootId: string
  readonly kernelVersion: string
  /** e.g. `Debian GNU/Linux 12 (bookworm)`. */
  readonly osImage: string
  /** Go's names: amd64, arm64. */
  readonly architecture: string
  readonly cpuCount: number
  readonly memoryBytes: number
  /** Of the file system that holds the data directory. */
  readonly diskBytes: number
  /** What the root device is made of. */
  readonly diskType: 'ssd' | 'hdd' | 'sd' | 'nvme' | 'unknown'
  /** e.g. `Raspberry Pi 4 Model B Rev 1.4`; absent elsewhere. */
  readonly model?: string
  /** Of a Raspberry Pi, e.g. `c03114` and `10000000abcdef01`. */
  readonly boardRevision?: string
  readonly boardSerial?: string
  readonly pageSizeBytes: number
}

export interface Usage {
  readonly atMs: number
  /** Busy CPU since the call before, in thousandths of a core, and how long that was. */
  readonly cpuMillis: number
  readonly windowMs: number
  /** Working set: used and not reclaimable. */
  readonly memoryBytes: number
  readonly memoryAvailableBytes: number
  readonly diskAvailableBytes: number
  readonly inodesAvailable: number
  readonly processes: number
  /** Of the processor; absent where there is no sensor. */
  readonly temperatureCelsius?: number
  /** IPv4 addresses of this host, the one of the default route first. */
  readonly addresses: readonly string[]
}
