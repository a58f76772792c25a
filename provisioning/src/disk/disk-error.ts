/**
 * What is wrong with a disk, in words for the person who holds it.
 *
 * `layout`: not what we can write to; `full`: no room; `corrupt`: contradicts itself; `io`: the device or file failed; `path`: a name that
 * cannot be, or a folder where a file should be.
 */
export type DiskErrorCode = 'layout' | 'full' | 'corrupt' | 'io' | 'path'

export class DiskError extends Error {
  override readonly name = 'DiskError'
  readonly code: DiskErrorCode

  constructor(code: DiskErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

const GONE = new Set(['ENXIO', 'ENODEV', 'ENOMEDIUM'])

/** What the system said of a path, as a DiskError that tells what to do. One that is a DiskError already stays. */
export function diskError(path: string, doing: string, error: unknown): DiskError {
  if (error instanceof DiskError) return error
  const { code, message } = error as NodeJS.ErrnoException
  const because = (kind: DiskErrorCode, text: string): DiskError => new DiskError(kind, `${path}: ${text}`, { cause: error })
  if (code === 'ENOSPC' || code === 'EDQUOT') return because('full', 'no room left')
  if (code === 'EIO') return because('io', `${doing} failed: the card or its reader is broken, or was pulled out`)
  if (code !== undefined && GONE.has(code)) return because('io', 'the device is gone: was it pulled out?')
  if (code === 'EBUSY') return because('io', 'is in use: unmount it, and close what has it open')
  if (code === 'EACCES' || code === 'EPERM') return because('io', `${doing} is not allowed: take the right to it, or run with sudo`)
  if (code === 'EROFS') return because('io', 'is read-only: has the card a lock switch?')
  if (code === 'ENOENT') return because('io', 'is not there')
  return because('io', `${doing} failed: ${message}`)
}
