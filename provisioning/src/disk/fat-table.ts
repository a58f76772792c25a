import type { BlockFile } from './block-file.ts'
import { DiskError } from './disk-error.ts'
import type { FatLayout } from './fat-layout.ts'

/**
 * Which cluster follows which.
 *
 * Changes are kept apart by what they may do to a disk that loses power: clusters that were `added` to files are known to nobody until an
 * entry names them, `linked` ones make a folder longer, `freed` ones may be named by entries that the disk still has. Freed clusters are not
 * given away before they are free on the disk.
 */
export class FatTable {
  readonly #disk: BlockFile
  readonly #layout: FatLayout
  /** As the disk has it. */
  readonly #bytes: Buffer
  readonly #added = new Map<number, number>()
  readonly #linked = new Map<number, number>()
  readonly #freed = new Set<number>()
  #freeCount = 0
  #from = 2

  private constructor(disk: BlockFile, layout: FatLayout, bytes: Buffer) {
    this.#disk = disk
    this.#layout = layout
    this.#bytes = bytes
    for (let cluster = 2; cluster < this.#end; cluster++) if (this.#onDisk(cluster) === 0) this.#freeCount++
  }

  static async load(disk: BlockFile, layout: FatLayout): Promise<FatTable> {
    const used = (layout.clusterCount + 2) * (layout.bits / 8)
    const bytes = Buffer.alloc(Math.ceil(used / layout.sectorBytes) * layout.sectorBytes)
    await disk.read(bytes, layout.tableStarts[0]!)
    return new FatTable(disk, layout, bytes)
  }

  /** Clusters that can be given away now. */
  get freeCount(): number {
    return this.#freeCount
  }

  get isChanged(): boolean {
    return this.#added.size + this.#linked.size + this.#freed.size > 0
  }

  /** Nothing on the disk refers to this cluster yet. */
  isNew(cluster: number): boolean {
    return this.#added.has(cluster)
  }

  /** The clusters of a file or folder, in order. @throws DiskError 'corrupt' when they run in a circle or out of the file system. */
  chain(first: number, what: string): number[] {
    const clusters: number[] = []
    const last = this.#layout.bits === 32 ? 0x0ffffff8 : 0xfff8
    for (let cluster = first; cluster < last; cluster = this.#next(cluster)) {
      if (cluster < 2 || cluster >= this.#end) throw new DiskError('corrupt', `${what}: cluster ${cluster} does not exist (run fsck.vfat)`)
      if (clusters.length > this.#layout.clusterCount)
        throw new DiskError('corrupt', `${what}: its clusters run in a circle (run fsck.vfat)`)
      clusters.push(cluster)
    }
    return clusters
  }

  /** A new chain of free clusters, in the disk's order. @throws DiskError 'full', with nothing changed. */
  add(count: number): number[] {
    if (count > this.#freeCount) {
      const [wanted, free] = [count, this.#freeCount].map((clusters) => clusters * this.#layout.clusterBytes)
      throw new DiskError('full', `the boot partition is full: ${wanted} bytes are needed, ${free} are free`)
    }
    const clusters: number[] = []
    for (let cluster = this.#from; clusters.length < count; cluster++)
      if (!this.#added.has(cluster) && this.#onDisk(cluster) === 0) clusters.push(cluster)
    clusters.forEach((cluster, index) => this.#added.set(cluster, clusters[index + 1] ?? this.#lastMark))
    this.#freeCount -= count
    if (count > 0) this.#from = clusters.at(-1)! + 1
    return clusters
  }

  /** Lets a chain go on with `next`, a new cluster. */
  link(last: number, next: number): void {
    ;(this.#added.has(last) ? this.#added : this.#linked).set(last, next)
  }

  /** Gives clusters back; those the disk knows of are free after the next flush. */
  free(clusters: readonly number[]): void {
    for (const cluster of clusters) {
      this.#linked.delete(cluster)
      if (!this.#added.delete(cluster)) this.#freed.add(cluster)
      else {
        this.#freeCount++
        this.#from = Math.min(this.#from, cluster)
      }
    }
  }

  async writeAdded(): Promise<void> {
    await this.#write(this.#added)
    this.#added.clear()
  }

  async writeLinked(): Promise<void> {
    await this.#write(this.#linked)
    this.#linked.clear()
  }

  /** Also tells FAT32's information sector what is free: a hint, which every system checks when it was not unmounted. */
  async writeFreed(): Promise<void> {
    await this.#write(new Map([...this.#freed].map((cluster) => [cluster, 0])))
    this.#freeCount += this.#freed.size
    for (const cluster of this.#freed) this.#from = Math.min(this.#from, cluster)
    this.#freed.clear()
    const { infoStart, sectorBytes } = this.#layout
    if (infoStart === undefined) return
    const sector = Buffer.alloc(sectorBytes)
    await this.#disk.read(sector, infoStart)
    if (sector.readUInt32LE(0) !== 0x41615252 || sector.readUInt32LE(484) !== 0x61417272) return
    sector.writeUInt32LE(this.#freeCount, 488)
    sector.writeUInt32LE(Math.min(this.#from, this.#end - 1), 492)
    await this.#disk.write(sector, infoStart)
  }

  /** The copy that counts is written last. */
  async #write(changes: ReadonlyMap<number, number>): Promise<void> {
    const { bits, sectorBytes, tableStarts } = this.#layout
    const sectors = new Set<number>()
    for (const [cluster, value] of changes) {
      const at = cluster * (bits / 8)
      if (bits === 32) this.#bytes.writeUInt32LE(((this.#bytes.readUInt32LE(at) & 0xf0000000) | value) >>> 0, at)
      else this.#bytes.writeUInt16LE(value, at)
      sectors.add(Math.floor(at / sectorBytes))
    }
    for (const start of tableStarts.toReversed())
      for (const [from, to] of runs(sectors, sectorBytes)) await this.#disk.write(this.#bytes.subarray(from, to), start + from)
  }

  get #end(): number {
    return this.#layout.clusterCount + 2
  }

  get #lastMark(): number {
    return this.#layout.bits === 32 ? 0x0fffffff : 0xffff
  }

  #next(cluster: number): number {
    return this.#added.get(cluster) ?? this.#linked.get(cluster) ?? this.#onDisk(cluster)
  }

  #onDisk(cluster: number): number {
    return this.#layout.bits === 32 ? this.#bytes.readUInt32LE(cluster * 4) & 0x0fffffff : this.#bytes.readUInt16LE(cluster * 2)
  }
}

/** Byte ranges of neighbouring units, in order. */
export function runs(units: ReadonlySet<number>, unitBytes: number): readonly (readonly [from: number, to: number])[] {
  const ranges: [number, number][] = []
  for (const unit of [...units].sort((a, b) => a - b)) {
    const before = ranges.at(-1)
    if (before?.[1] === unit * unitBytes) before[1] += unitBytes
    else ranges.push([unit * unitBytes, (unit + 1) * unitBytes])
  }
  return ranges
}
