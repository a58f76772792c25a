import type { BlockFile } from './block-file.ts'
import { DiskError } from './disk-error.ts'

export interface FatEntry {
  readonly name: string
  readonly isFolder: boolean
  readonly sizeBytes: number
}

/** A FAT16 or FAT32 file system, read and written without mounting it. */
export class FatVolume {
  readonly label: string

  private constructor(label: string) {
    this.label = label
  }

  /** @throws DiskError 'layout' when there is no FAT16 or FAT32, 'corrupt' when it contradicts itself. */
  static async open(_disk: BlockFile, _startBytes = 0): Promise<FatVolume> {
    throw new DiskError('layout', 'not written yet')
  }

  /** What a write can take now; room of what was removed or replaced counts after the next flush. */
  get freeBytes(): number {
    return 0
  }

  /** @throws DiskError 'path' when there is no such folder. */
  async list(_folder: string): Promise<readonly FatEntry[]> {
    return []
  }

  /** The whole file, at most 64 MiB, or undefined when there is none. Names are compared without case. */
  async read(_path: string): Promise<Buffer | undefined> {
    return undefined
  }

  /** Makes or replaces a file and the folders above it. @throws DiskError 'full' with nothing changed, 'path'. */
  async write(_path: string, _content: Uint8Array | string): Promise<void> {}

  /** Removes a file or an empty folder; false when there is none. */
  async remove(_path: string): Promise<boolean> {
    return false
  }

  /** Puts every change on the disk, in an order that a power cut cannot hurt. Until then nothing that the disk holds is changed. */
  async flush(): Promise<void> {}
}
