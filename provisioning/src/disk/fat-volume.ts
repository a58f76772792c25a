import type { BlockFile } from './block-file.ts'
import { DiskError } from './disk-error.ts'
import { FatFolder, type FolderEntry } from './fat-folder.ts'
import { type FatLayout, readFatLayout } from './fat-layout.ts'
import { splitPath } from './fat-names.ts'
import { FatTable, runs } from './fat-table.ts'

export interface FatEntry {
  readonly name: string
  readonly isFolder: boolean
  readonly sizeBytes: number
}

const READ_MAX_BYTES = 64 << 20
const FILE_MAX_BYTES = 2 ** 32 - 1
const PIECE_BYTES = 4 << 20

/** A folder in memory and the clusters that it fills; FAT16's root has none. */
interface Loaded {
  readonly folder: FatFolder
  readonly clusters: number[]
}

/**
 * A FAT16 or FAT32 file system, read and written without mounting it. Its only user while it is open.
 *
 * Content goes into clusters that were free, at once. All else waits for `flush`, which keeps an order: content and folders that nothing
 * names yet; their places in the table; the entries that name them; last what is free again. A cut at any write leaves each file as it was
 * or as it became, and at worst clusters that belong to nobody.
 */
export class FatVolume {
  readonly label: string
  readonly #disk: BlockFile
  readonly #layout: FatLayout
  readonly #table: FatTable
  /** By first cluster; the root's is 0. */
  readonly #folders = new Map<number, Loaded>()

  private constructor(disk: BlockFile, layout: FatLayout, table: FatTable, root: Loaded) {
    this.#disk = disk
    this.#layout = layout
    this.#table = table
    this.#folders.set(0, root)
    this.label = root.folder.label() ?? layout.label
  }

  /** @throws DiskError 'layout' when there is no FAT16 or FAT32 at `startBytes`, 'corrupt' when it contradicts itself. */
  static async open(disk: BlockFile, startBytes = 0): Promise<FatVolume> {
    const layout = await readFatLayout(disk, startBytes)
    const table = await FatTable.load(disk, layout)
    const clusters = layout.bits === 32 ? table.chain(layout.rootCluster, 'the root folder') : []
    const bytes = layout.bits === 32 ? await readClusters(disk, layout, clusters) : Buffer.alloc(layout.rootBytes)
    if (layout.bits === 16) await disk.read(bytes, layout.rootStart)
    return new FatVolume(disk, layout, table, { folder: new FatFolder(bytes, layout.sectorBytes, layout.bits), clusters })
  }

  /** What content can take now; room of what was removed or replaced counts after the next flush. */
  get freeBytes(): number {
    return this.#table.freeCount * this.#layout.clusterBytes
  }

  /** What is in a folder; '' is the root. @throws DiskError 'path' when there is no such folder. */
  async list(folder: string): Promise<readonly FatEntry[]> {
    const found = await this.#walk(splitPath(folder), folder)
    if (!found) throw new DiskError('path', `${folder}: there is no such folder`)
    return found.folder.entries().map(({ name, isFolder, sizeBytes }) => ({ name, isFolder, sizeBytes: isFolder ? 0 : sizeBytes }))
  }

  /** The whole file, at most 64 MiB, or undefined when there is none. Names are compared without case. */
  async read(path: string): Promise<Buffer | undefined> {
    const entry = (await this.#find(path))?.entry
    if (!entry) return undefined
    if (entry.isFolder) throw new DiskError('path', `${path} is a folder`)
    if (entry.sizeBytes > READ_MAX_BYTES) throw new DiskError('path', `${path} is larger than ${READ_MAX_BYTES >> 20} MiB`)
    const clusters = this.#clustersOf(entry, path)
    const needed = Math.ceil(entry.sizeBytes / this.#layout.clusterBytes)
    if (clusters.length < needed) throw new DiskError('corrupt', `${path}: shorter than its entry says (run fsck.vfat)`)
    return (await readClusters(this.#disk, this.#layout, clusters.slice(0, needed))).subarray(0, entry.sizeBytes)
  }

  /**
   * Makes or replaces a file, and makes the folders above it. The old content stays on the disk until `flush`, so both need room.
   * @throws DiskError 'full' with every file as it was, 'path' when a name cannot be.
   */
  async write(path: string, content: Uint8Array | string): Promise<void> {
    const bytes = typeof content === 'string' ? Buffer.from(content) : content
    if (bytes.length > FILE_MAX_BYTES) throw new DiskError('full', `${path}: a file on FAT is smaller than 4 GiB`)
    const names = splitPath(path)
    const name = names.at(-1)
    if (name === undefined) throw new DiskError('path', 'a file needs a name')
    const clusters = this.#table.add(Math.ceil(bytes.length / this.#layout.clusterBytes))
    const placed = { isFolder: false, cluster: clusters[0] ?? 0, sizeBytes: bytes.length }
    try {
      const above = await this.#makeFolders(names.slice(0, -1))
      const old = above.folder.find(name)
      if (old?.isFolder) throw new DiskError('path', `${path} is a folder`)
      const before = old ? this.#clustersOf(old, path) : []
      await this.#writeClusters(clusters, bytes)
      if (old) above.folder.change(old, placed)
      else this.#addEntry(above, name, placed)
      this.#table.free(before)
    } catch (error) {
      this.#table.free(clusters)
      throw error
    }
  }

  /** Removes a file or an empty folder; false when there is none. @throws DiskError 'path' when a folder is not empty. */
  async remove(path: string): Promise<boolean> {
    const found = await this.#find(path)
    if (!found?.entry) return false
    const { above, entry } = found
    if (entry.isFolder) {
      const { folder } = await this.#load(entry.cluster, path)
      if (folder.entries().length > 0) throw new DiskError('path', `${path} is not empty`)
    }
    const clusters = this.#clustersOf(entry, path)
    above.folder.remove(entry)
    if (entry.isFolder) this.#folders.delete(entry.cluster)
    this.#table.free(clusters)
    return true
  }

  /** Puts every change on the disk, in an order that a power cut cannot hurt. Until then nothing that the disk holds is changed. */
  async flush(): Promise<void> {
    if (!this.#table.isChanged && [...this.#folders.values()].every(({ folder }) => folder.changed.size === 0)) return
    for (const loaded of this.#folders.values()) await this.#writeFolder(loaded, true)
    await this.#disk.sync()
    await this.#table.writeAdded()
    await this.#disk.sync()
    for (const loaded of this.#folders.values()) await this.#writeFolder(loaded, false)
    await this.#table.writeLinked()
    await this.#disk.sync()
    await this.#table.writeFreed()
    await this.#disk.sync()
  }

  /** Writes a folder's changed sectors: those in clusters that nothing refers to yet, or the others. Neighbours go in one write. */
  async #writeFolder({ folder, clusters }: Loaded, inNew: boolean): Promise<void> {
    const { clusterBytes, sectorBytes, rootStart } = this.#layout
    const perCluster = clusterBytes / sectorBytes
    const chosen = [...folder.changed].filter((sector) => {
      const cluster = clusters[Math.floor(sector / perCluster)]
      return (cluster !== undefined && this.#table.isNew(cluster)) === inNew
    })
    for (const [index, group] of Map.groupBy(chosen, (sector) => (clusters.length === 0 ? 0 : Math.floor(sector / perCluster)))) {
      const start = clusters.length === 0 ? rootStart : this.#position(clusters[index]!) - index * clusterBytes
      for (const [from, to] of runs(new Set(group), sectorBytes)) await this.#disk.write(folder.bytes.subarray(from, to), start + from)
    }
    for (const sector of chosen) folder.changed.delete(sector)
  }

  async #find(path: string): Promise<{ readonly above: Loaded; readonly entry: FolderEntry | undefined } | undefined> {
    const names = splitPath(path)
    const above = await this.#walk(names.slice(0, -1), path)
    return above && names.length > 0 ? { above, entry: above.folder.find(names.at(-1)!) } : undefined
  }

  async #walk(names: readonly string[], path: string): Promise<Loaded | undefined> {
    let loaded = this.#folders.get(0)!
    for (const name of names) {
      const entry = loaded.folder.find(name)
      if (!entry) return undefined
      if (!entry.isFolder) throw new DiskError('path', `${path}: ${name} is a file, not a folder`)
      loaded = await this.#load(entry.cluster, path)
    }
    return loaded
  }

  async #makeFolders(names: readonly string[]): Promise<Loaded> {
    let loaded = this.#folders.get(0)!
    let own = 0
    for (const [index, name] of names.entries()) {
      const entry = loaded.folder.find(name)
      if (entry && !entry.isFolder) throw new DiskError('path', `${names.slice(0, index + 1).join('/')} is a file, not a folder`)
      own = entry?.cluster ?? this.#makeFolder(loaded, name, own)
      loaded = await this.#load(own, name)
    }
    return loaded
  }

  #makeFolder(above: Loaded, name: string, parent: number): number {
    const { clusterBytes, sectorBytes, bits } = this.#layout
    const [cluster] = this.#table.add(1)
    try {
      this.#addEntry(above, name, { isFolder: true, cluster: cluster!, sizeBytes: 0 })
    } catch (error) {
      this.#table.free([cluster!])
      throw error
    }
    this.#folders.set(cluster!, { folder: FatFolder.make(clusterBytes, sectorBytes, bits, cluster!, parent), clusters: [cluster!] })
    return cluster!
  }

  #addEntry({ folder, clusters }: Loaded, name: string, entry: Parameters<FatFolder['add']>[1]): void {
    while (!folder.add(name, entry)) {
      if (clusters.length === 0 || folder.isLongest)
        throw new DiskError('full', `no room for another name beside "${name}": the folder is full`)
      const [cluster] = this.#table.add(1)
      this.#table.link(clusters.at(-1)!, cluster!)
      clusters.push(cluster!)
      folder.grow(this.#layout.clusterBytes)
    }
  }

  async #load(cluster: number, path: string): Promise<Loaded> {
    const known = this.#folders.get(cluster)
    if (known) return known
    const clusters = this.#table.chain(cluster, path)
    const bytes = await readClusters(this.#disk, this.#layout, clusters)
    const loaded = { folder: new FatFolder(bytes, this.#layout.sectorBytes, this.#layout.bits), clusters }
    this.#folders.set(cluster, loaded)
    return loaded
  }

  #clustersOf({ cluster, isFolder }: FolderEntry, path: string): number[] {
    return cluster === 0 && !isFolder ? [] : this.#table.chain(cluster, path)
  }

  #position(cluster: number): number {
    return this.#layout.dataStart + (cluster - 2) * this.#layout.clusterBytes
  }

  async #writeClusters(clusters: readonly number[], bytes: Uint8Array): Promise<void> {
    const { clusterBytes } = this.#layout
    let done = 0
    for (const [from, to] of runsInOrder(clusters, clusterBytes)) {
      const length = (to - from) * clusterBytes
      const piece = bytes.subarray(done, done + length)
      const whole = piece.length === length ? piece : Buffer.concat([piece], length)
      await this.#disk.write(whole, this.#position(from))
      done += length
    }
  }
}

async function readClusters(disk: BlockFile, layout: FatLayout, clusters: readonly number[]): Promise<Buffer> {
  const bytes = Buffer.alloc(clusters.length * layout.clusterBytes)
  let done = 0
  for (const [from, to] of runsInOrder(clusters, layout.clusterBytes)) {
    const length = (to - from) * layout.clusterBytes
    await disk.read(bytes.subarray(done, done + length), layout.dataStart + (from - 2) * layout.clusterBytes)
    done += length
  }
  return bytes
}

/** Neighbouring clusters of a chain, a few MiB at a time: from, up to but without. */
function runsInOrder(clusters: readonly number[], clusterBytes: number): readonly (readonly [from: number, to: number])[] {
  const ranges: [number, number][] = []
  for (const cluster of clusters) {
    const before = ranges.at(-1)
    if (before && before[1] === cluster && (cluster - before[0]) * clusterBytes < PIECE_BYTES) before[1]++
    else ranges.push([cluster, cluster + 1])
  }
  return ranges
}
