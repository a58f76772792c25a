/** What a tar archive is made of. Owner is root and time is zero, so that the same entries are the same bytes. */
export type TarEntry =
  | { readonly path: string; readonly type: 'file'; readonly mode: number; readonly data: Uint8Array }
  | { readonly path: string; readonly type: 'folder'; readonly mode: number }
  | { readonly path: string; readonly type: 'link'; readonly target: string }

const BLOCK_BYTES = 512
const PATH_BYTES_MAX = 100
const TYPE_FLAG = { file: '0', link: '2', folder: '5' } as const

/**
 * A POSIX ustar archive.
 *
 * @throws Error for a path or link target longer than 100 bytes.
 * @see Source: POSIX pax, "ustar Interchange Format".
 */
export function tar(entries: readonly TarEntry[]): Buffer {
  const blocks = entries.flatMap((entry) => {
    const data = entry.type === 'file' ? entry.data : new Uint8Array()
    return [header(entry, data.length), data, Buffer.alloc((BLOCK_BYTES - (data.length % BLOCK_BYTES)) % BLOCK_BYTES)]
  })
  return Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK_BYTES)])
}

function header(entry: TarEntry, sizeBytes: number): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES)
  const text = (value: string, offset: number): void => void block.write(value, offset, 'utf8')
  const octal = (value: number, offset: number, digits: number): void => text(value.toString(8).padStart(digits, '0'), offset)

  text(short(entry.type === 'folder' ? `${entry.path}/` : entry.path), 0)
  octal(entry.type === 'link' ? 0o777 : entry.mode, 100, 7)
  octal(0, 108, 7)
  octal(0, 116, 7)
  octal(sizeBytes, 124, 11)
  octal(0, 136, 11)
  text(TYPE_FLAG[entry.type], 156)
  if (entry.type === 'link') text(short(entry.target), 157)
  text('ustar\0' + '00', 257)
  text('root', 265)
  text('root', 297)

  block.fill(' ', 148, 156) // the checksum counts its own field as spaces
  octal(
    block.reduce((sum, byte) => sum + byte, 0),
    148,
    6,
  )
  block[154] = 0
  return block
}

function short(path: string): string {
  if (Buffer.byteLength(path) > PATH_BYTES_MAX) throw new Error(`path "${path}" is longer than ${PATH_BYTES_MAX} bytes`)
  return path
}
