import { checksumOf, foldName, shortNameOf } from './fat-names.ts'

export interface FolderEntry {
  readonly name: string
  readonly isFolder: boolean
  readonly sizeBytes: number
  /** Its first cluster; 0 when it has none. */
  readonly cluster: number
  /** Its eleven bytes. */
  readonly short: string
  /** Where its slots begin and end; the last is the entry proper. */
  readonly slots: readonly [first: number, last: number]
}

export interface NewEntry {
  readonly isFolder: boolean
  readonly cluster: number
  readonly sizeBytes: number
}

const SLOT = 32
const UNUSED = 0xe5
const FOLDER = 0x10
const ARCHIVE = 0x20
const LABEL = 0x08
const LONG = 0x0f
const LONG_UNITS = 13
const UNIT_AT = [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30]
const SLOTS_MAX = 65536

/** The bytes of a folder: slots of 32, several for a file with a long name. Remembers which sectors changed. */
export class FatFolder {
  readonly #bits: 16 | 32
  readonly #sectorBytes: number
  readonly changed = new Set<number>()
  bytes: Buffer

  constructor(bytes: Buffer, sectorBytes: number, bits: 16 | 32) {
    this.#bits = bits
    this.#sectorBytes = sectorBytes
    this.bytes = bytes
    const end = this.#end()
    for (
      let slot = end;
      slot < this.#slotCount;
      slot++ // what lies behind the end is nothing, but would come to light
    )
      if (this.bytes[slot * SLOT] !== 0) this.#clear(slot)
  }

  /** A folder of its own, with the two entries that lead to itself and up. */
  static make(clusterBytes: number, sectorBytes: number, bits: 16 | 32, own: number, parent: number): FatFolder {
    const folder = new FatFolder(Buffer.alloc(clusterBytes), sectorBytes, bits)
    folder.#put(0, '.'.padEnd(11), { isFolder: true, cluster: own, sizeBytes: 0 })
    folder.#put(1, '..'.padEnd(11), { isFolder: true, cluster: parent, sizeBytes: 0 })
    for (let at = 0; at < clusterBytes; at += sectorBytes) folder.changed.add(at / sectorBytes)
    return folder
  }

  /** Files and folders, without `.`, `..` and the label. A long name counts only when all its parts belong to the short one. */
  entries(): readonly FolderEntry[] {
    const found: FolderEntry[] = []
    let long: { parts: string[]; next: number; sum: number; first: number } | undefined
    for (let slot = 0; slot < this.#end(); slot++) {
      const at = slot * SLOT
      const attributes = this.bytes[at + 11]!
      const order = this.bytes[at]!
      if (order === UNUSED) long = undefined
      else if ((attributes & 0x3f) === LONG) {
        const sum = this.bytes[at + 13]!
        if (order & 0x40) long = { parts: [], next: order & 0x1f, sum, first: slot }
        if (long === undefined || long.next !== (order & 0x1f) || long.sum !== sum || long.next === 0) long = undefined
        else {
          long.parts.unshift(...UNIT_AT.map((offset) => String.fromCharCode(this.bytes.readUInt16LE(at + offset))))
          long.next--
        }
      } else {
        const isWhole = long?.next === 0 && long.sum === checksumOf(this.bytes.subarray(at, at + 11))
        if (!(attributes & LABEL) && order !== 0x2e) found.push(this.#entry(slot, isWhole ? long : undefined))
        long = undefined
      }
    }
    return found
  }

  find(name: string): FolderEntry | undefined {
    const folded = foldName(name)
    return this.entries().find((entry) => foldName(entry.name) === folded || foldName(shown(entry.short)) === folded)
  }

  /** The label of the file system; only the root folder has one. */
  label(): string | undefined {
    for (let slot = 0; slot < this.#end(); slot++) {
      const attributes = this.bytes[slot * SLOT + 11]! & 0x3f
      if (this.bytes[slot * SLOT] !== UNUSED && attributes & LABEL && attributes !== LONG)
        return this.bytes.toString('latin1', slot * SLOT, slot * SLOT + 11).trimEnd()
    }
    return undefined
  }

  /**
   * Adds an entry; false when there is no room and the folder must grow.
   *
   * All slots of an entry lie in one sector, so that a cut leaves all or none of them; only names of more than 195 letters are too long
   * for that.
   */
  add(name: string, entry: NewEntry): boolean {
    const { short, needsLong } = shortNameOf(name, new Set(this.entries().map((each) => each.short)))
    const parts = needsLong ? Math.ceil(name.length / LONG_UNITS) : 0
    const first = this.#gap(parts + 1)
    if (first === undefined) return false
    for (let slot = this.#end(); slot < first; slot++) this.#unuse(slot)
    const sum = checksumOf(Buffer.from(short, 'latin1'))
    for (let part = parts; part > 0; part--) this.#putLong(first + parts - part, part, part === parts, name, sum)
    this.#put(first + parts, short, entry)
    return true
  }

  /** Points an entry that is there at other content. */
  change({ slots: [, slot] }: FolderEntry, { cluster, sizeBytes }: Omit<NewEntry, 'isFolder'>): void {
    const at = slot * SLOT
    this.bytes[at + 11]! |= ARCHIVE
    this.#putStart(at, cluster, sizeBytes)
    this.#touch(slot)
  }

  remove({ slots: [first, last] }: FolderEntry): void {
    for (let slot = first; slot <= last; slot++) this.#unuse(slot)
  }

  /** Room for more, behind what is there. */
  grow(clusterBytes: number): void {
    this.bytes = Buffer.concat([this.bytes, Buffer.alloc(clusterBytes)])
    for (let at = this.bytes.length - clusterBytes; at < this.bytes.length; at += this.#sectorBytes)
      this.changed.add(at / this.#sectorBytes)
  }

  /** A folder can be only so long. */
  get isLongest(): boolean {
    return this.#slotCount >= SLOTS_MAX
  }

  get #slotCount(): number {
    return this.bytes.length / SLOT
  }

  #end(): number {
    for (let slot = 0; slot < this.#slotCount; slot++) if (this.bytes[slot * SLOT] === 0) return slot
    return this.#slotCount
  }

  #gap(needed: number): number | undefined {
    const end = this.#end()
    const perSector = this.#sectorBytes / SLOT
    let free = 0
    for (let slot = 0; slot < this.#slotCount; slot++) {
      if (needed <= perSector && slot % perSector === 0) free = 0
      free = slot >= end || this.bytes[slot * SLOT] === UNUSED ? free + 1 : 0
      if (free === needed) return slot - needed + 1
    }
    return undefined
  }

  #entry(slot: number, long: { readonly parts: readonly string[]; readonly first: number } | undefined): FolderEntry {
    const at = slot * SLOT
    const short = this.bytes.toString('latin1', at, at + 11)
    const high = this.#bits === 32 ? this.bytes.readUInt16LE(at + 20) : 0
    return {
      name: long ? long.parts.join('').split('\0')[0]! : shown(short, this.bytes[at + 12]),
      isFolder: (this.bytes[at + 11]! & FOLDER) !== 0,
      sizeBytes: this.bytes.readUInt32LE(at + 28),
      cluster: high * 65536 + this.bytes.readUInt16LE(at + 26),
      short,
      slots: [long?.first ?? slot, slot],
    }
  }

  #put(slot: number, short: string, { isFolder, cluster, sizeBytes }: NewEntry): void {
    const at = slot * SLOT
    this.bytes.fill(0, at, at + SLOT)
    this.bytes.write(short, at, 11, 'latin1')
    this.bytes[at + 11] = isFolder ? FOLDER : ARCHIVE
    const { date, time } = fatTime(new Date())
    this.bytes.writeUInt16LE(time, at + 14)
    this.bytes.writeUInt16LE(date, at + 16)
    this.#putStart(at, cluster, sizeBytes)
    this.#touch(slot)
  }

  #putStart(at: number, cluster: number, sizeBytes: number): void {
    const { date, time } = fatTime(new Date())
    this.bytes.writeUInt16LE(date, at + 18)
    this.bytes.writeUInt16LE(time, at + 22)
    this.bytes.writeUInt16LE(date, at + 24)
    this.bytes.writeUInt16LE(this.#bits === 32 ? cluster >>> 16 : 0, at + 20)
    this.bytes.writeUInt16LE(cluster & 0xffff, at + 26)
    this.bytes.writeUInt32LE(sizeBytes, at + 28)
  }

  #putLong(slot: number, part: number, isLast: boolean, name: string, sum: number): void {
    const at = slot * SLOT
    this.bytes.fill(0, at, at + SLOT)
    this.bytes[at] = part | (isLast ? 0x40 : 0)
    this.bytes[at + 11] = LONG
    this.bytes[at + 13] = sum
    UNIT_AT.forEach((offset, index) => {
      const position = (part - 1) * LONG_UNITS + index
      const unit = position < name.length ? name.charCodeAt(position) : position === name.length ? 0 : 0xffff
      this.bytes.writeUInt16LE(unit, at + offset)
    })
    this.#touch(slot)
  }

  #unuse(slot: number): void {
    this.bytes[slot * SLOT] = UNUSED
    this.#touch(slot)
  }

  #clear(slot: number): void {
    this.bytes.fill(0, slot * SLOT, (slot + 1) * SLOT)
    this.#touch(slot)
  }

  #touch(slot: number): void {
    this.changed.add(Math.floor((slot * SLOT) / this.#sectorBytes))
  }
}

/** Eleven bytes as people see them; `flags` tell which half is in small letters. */
function shown(short: string, flags = 0): string {
  const real = short.startsWith('\x05') ? `\xe5${short.slice(1)}` : short
  const [base, extension] = [real.slice(0, 8).trimEnd(), real.slice(8).trimEnd()]
  const small = [flags & 8 ? base.toLowerCase() : base, flags & 16 ? extension.toLowerCase() : extension]
  return extension === '' ? small[0]! : small.join('.')
}

/** Years before 1980 do not exist. */
function fatTime(at: Date): { readonly date: number; readonly time: number } {
  const year = Math.min(Math.max(at.getFullYear(), 1980), 2107)
  return {
    date: ((year - 1980) << 9) | ((at.getMonth() + 1) << 5) | at.getDate(),
    time: (at.getHours() << 11) | (at.getMinutes() << 5) | (at.getSeconds() >> 1),
  }
}
