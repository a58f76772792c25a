import { DiskError } from '../disk/disk-error.ts'

/** A SHA-256 in small letters. @throws DiskError 'corrupt' when it is none. */
export function parseSha256(text: string, where: string): string {
  if (!/^[0-9a-f]{64}$/i.test(text.trim()))
    throw new DiskError('corrupt', `${where}: "${text.trim().slice(0, 80)}" is no SHA-256, which has 64 hexadecimal digits`)
  return text.trim().toLowerCase()
}

/** What a sidecar such as FILE.sha256 says: a bare sum or lines of sha256sum, of which the one that names the file counts. */
export function sumInSidecar(text: string, fileName: string, where: string): string {
  const lines = text.split('\n').flatMap((line) => {
    const found = /^\\?([0-9a-f]{64})(?:\s+\*?(.+?))?\s*$/i.exec(line)
    return found ? [{ sum: found[1]!.toLowerCase(), name: found[2]?.split('/').at(-1) }] : []
  })
  const named = lines.filter(({ name }) => name === fileName)
  const chosen = named.length > 0 ? named : lines
  if (chosen.length === 0) throw new DiskError('corrupt', `${where}: holds no SHA-256: remove it or give --sha256`)
  if (new Set(chosen.map(({ sum }) => sum)).size > 1)
    throw new DiskError('corrupt', `${where}: holds several sums and none names ${fileName}`)
  return chosen[0]!.sum
}
