import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createGzip, createZstdDecompress } from 'node:zlib'
import { CardError } from './card.ts'

/** A file that goes on every card of a batch as it is. */
export interface CardFile {
  /** Inside the card's folder. */
  readonly path: string
  readonly sizeBytes: number
  read(): Promise<Uint8Array>
}

export interface CardBundle extends CardFile {
  readonly version: string
  readonly sha256: string
}

/** What the cards of a batch have in common. */
export interface CardFiles {
  /** Undefined: the image has a release inside. */
  readonly bundle: CardBundle | undefined
  /** Text of provisioning/node/firstrun.sh; only cards whose system needs it get it. */
  readonly firstrun: string
  /** firstboot.sh, launcher, images/*.tar. */
  readonly others: readonly CardFile[]
}

const BUNDLE_NAME = /^bramble-(\d[\w.+-]*?)-linux-(arm64|x64)\.tar\.(zst|gz)$/
const CHECKSUMS = 'SHA256SUMS'

/**
 * A release for Pis as a card carries it: recompressed by gzip, which every system has. Held in memory, for a batch is written from it.
 *
 * @param path `bramble-<version>-linux-arm64.tar.zst` or `.tar.gz`. `SHA256SUMS` beside it is believed when it is there.
 * @throws CardError when it is for other machines, damaged, or no release.
 */
export async function loadBundle(path: string): Promise<CardBundle> {
  const [, version, arch, kind] = BUNDLE_NAME.exec(basename(path)) ?? []
  if (version === undefined) throw new CardError(`${path} is no release: its name must be like bramble-0.1.0-linux-arm64.tar.zst`)
  if (arch !== 'arm64') throw new CardError(`${path} is for PCs; a Pi needs bramble-${version}-linux-arm64.tar.zst`)
  const original = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    throw new CardError(`${path}: ${error.code === 'ENOENT' ? 'is not there; "npm run release" makes it' : error.message}`)
  })
  await checkSum(path, original)
  const content = await recompress(path, kind!)
  return {
    path: basename(path).replace(/\.zst$/, '.gz'),
    version,
    sizeBytes: content.length,
    sha256: sha256(content),
    read: () => Promise.resolve(content),
  }
}

/** A file of this machine. @throws CardError when it cannot be read, or is too large for FAT. */
export async function diskFile(path: string, pathOnCard: string): Promise<CardFile> {
  const { size } = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw new CardError(`${path}: ${error.code === 'ENOENT' ? 'is not there' : error.message}`)
  })
  if (size >= 2 ** 32) throw new CardError(`${path}: has ${size} bytes; a file on a card’s boot partition is smaller than 4 GiB`)
  return { path: pathOnCard, sizeBytes: size, read: () => readFile(path) }
}

async function checkSum(path: string, content: Buffer): Promise<void> {
  const sums = await readFile(join(dirname(path), CHECKSUMS), 'utf8').catch(() => '')
  const expected = sums
    .split('\n')
    .map((line) => /^([0-9a-f]{64}) [ *](.+)$/.exec(line.trim()))
    .find((match) => match?.[2] === basename(path))?.[1]
  if (expected !== undefined && expected !== sha256(content))
    throw new CardError(`${path} is damaged: ${CHECKSUMS} beside it gives another checksum; fetch or make it again`)
}

async function recompress(path: string, kind: string): Promise<Buffer> {
  const pieces: Buffer[] = []
  let head = Buffer.alloc(0)
  try {
    await pipeline(
      createReadStream(path),
      kind === 'zst' ? createZstdDecompress() : createGunzip(),
      async function* (tar: AsyncIterable<Buffer>) {
        for await (const piece of tar) {
          if (head.length < 512) head = Buffer.concat([head, piece.subarray(0, 512 - head.length)])
          yield piece
        }
      },
      createGzip(),
      async (gzip: AsyncIterable<Buffer>) => {
        for await (const piece of gzip) pieces.push(piece)
      },
    )
  } catch (error) {
    throw new CardError(`${path} is damaged: ${(error as Error).message}; fetch or make it again`)
  }
  const first = head.subarray(0, 100).toString('latin1').replace(/\0.*$/s, '')
  if (head.subarray(257, 262).toString('latin1') !== 'ustar' || !/^(\.\/)?bramble-|pax/i.test(first))
    throw new CardError(`${path} is no release of Bramble: no tar archive with the folder bramble-<version> in it`)
  return Buffer.concat(pieces)
}

const sha256 = (content: Uint8Array): string => createHash('sha256').update(content).digest('hex')
