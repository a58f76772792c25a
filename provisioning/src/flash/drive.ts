/** A disk that the system shows. */
export interface Drive {
  readonly path: string
  readonly model: string
  readonly sizeBytes: number
  /** Why it may not be written, in words; none: it may. */
  readonly refusals: readonly string[]
}

/** What is known of a disk, whichever system told it. */
export interface DriveFacts {
  readonly path: string
  readonly model: string
  readonly sizeBytes: number
  readonly isRemovable: boolean
  readonly isReadOnly: boolean
  /** Where any part of it is mounted; swap as '[SWAP]'. */
  readonly mounts: readonly string[]
  /** It carries the running system, mounted or not. */
  readonly isSystem: boolean
  /** What is made of it, such as LVM. */
  readonly holds: readonly string[]
}

const SIZE_MAX_BYTES = 2e12
const SYSTEM_MOUNTS =
  /^(\/|\/boot(\/.*)?|\/usr|\/var|\/home|\/etc|\/nix(\/.*)?|\/opt|\/root|\/srv|\[SWAP\]|\/System(\/.*)?|\/private(\/.*)?)$/

/** A disk and why it must not be erased: what cannot be a card is refused, and what is in use. */
export function judged({ path, model, sizeBytes, isRemovable, isReadOnly, mounts, isSystem, holds }: DriveFacts): Drive {
  const system = mounts.filter((mount) => SYSTEM_MOUNTS.test(mount))
  const refusals = [
    isSystem || system.length > 0 ? `is the system disk${system.length > 0 ? ` (${system.join(', ')})` : ''}` : '',
    system.length === 0 && mounts.length > 0 ? `is mounted at ${mounts.join(', ')}: unmount it first` : '',
    holds.length > 0 ? `holds ${holds.join(', ')}: if it may be erased, wipe it first (wipefs -a)` : '',
    isRemovable ? '' : 'is not removable',
    isReadOnly ? 'is read-only: has the card a lock switch?' : '',
    sizeBytes === 0 ? 'has no medium: is a card in it?' : '',
    sizeBytes > SIZE_MAX_BYTES ? 'is larger than 2 TB, which no card is' : '',
  ]
  return { path, model, sizeBytes, refusals: refusals.filter((refusal) => refusal !== '') }
}

/** The refusal of a disk that an image does not fit on. */
export const refusalOfSize = ({ sizeBytes }: Drive, imageBytes: number | undefined): readonly string[] =>
  imageBytes !== undefined && sizeBytes !== 0 && sizeBytes < imageBytes
    ? [`is too small: it holds ${sizeBytes} bytes, the image needs ${imageBytes}`]
    : []
