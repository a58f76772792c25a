import { SpdyError } from './spdy-error.ts'

/** What a session sends and takes. `fin`: the sender says nothing more on the stream. Source: SPDY/3.1, "Frames". */
export type Frame =
  | { readonly type: 'data'; readonly streamId: number; readonly bytes: Buffer; readonly fin: boolean }
  | { readonly type: 'syn-stream'; readonly streamId: number; readonly block: Buffer; readonly fin: boolean; readonly oneWay: boolean }
  | { readonly type: 'syn-reply'; readonly streamId: number; readonly block: Buffer; readonly fin: boolean }
  | { readonly type: 'headers'; readonly streamId: number; readonly block: Buffer; readonly fin: boolean }
  | { readonly type: 'rst-stream'; readonly streamId: number; readonly status: number }
  | { readonly type: 'settings'; readonly entries: Buffer }
  | { readonly type: 'ping'; readonly id: number }
  | { readonly type: 'goaway'; readonly lastStreamId: number; readonly status: number }
  | { readonly type: 'window-update'; readonly streamId: number; readonly delta: number }
  /** Of a type that nobody knows: to be passed over. */
  | { readonly type: 'unknown'; readonly number: number }

/** Source: SPDY/3.1, "RST_STREAM". */
export const RESET = { protocolError: 1, invalidStream: 2, refused: 3, cancel: 5, internalError: 6 } as const
/** Source: SPDY/3.1, "GOAWAY". */
export const GOAWAY = { ok: 0, protocolError: 1, internalError: 2 } as const

export const DATA_BYTES_MAX = 0xffffff
const VERSION = 3
const FLAG_FIN = 1
const FLAG_ONE_WAY = 2
const HEAD_BYTES = 8

/** @throws SpdyError when a block is too long for a frame. */
export function encodeFrame(frame: Exclude<Frame, { type: 'unknown' }>): Buffer {
  switch (frame.type) {
    case 'data': {
      const bytes = Buffer.allocUnsafe(HEAD_BYTES + frame.bytes.length)
      bytes.writeUInt32BE(frame.streamId, 0)
      bytes.writeUInt32BE(flagsAndLength(frame.fin ? FLAG_FIN : 0, frame.bytes.length), 4)
      bytes.set(frame.bytes, HEAD_BYTES)
      return bytes
    }
    case 'syn-stream':
      return control(1, (frame.fin ? FLAG_FIN : 0) | (frame.oneWay ? FLAG_ONE_WAY : 0), [frame.streamId, 0], 2, frame.block)
    case 'syn-reply':
      return control(2, frame.fin ? FLAG_FIN : 0, [frame.streamId], 0, frame.block)
    case 'rst-stream':
      return control(3, 0, [frame.streamId, frame.status])
    case 'settings':
      return control(4, 0, [], 0, frame.entries)
    case 'ping':
      return control(6, 0, [frame.id])
    case 'goaway':
      return control(7, 0, [frame.lastStreamId, frame.status])
    case 'headers':
      return control(8, frame.fin ? FLAG_FIN : 0, [frame.streamId], 0, frame.block)
    case 'window-update':
      return control(9, 0, [frame.streamId, frame.delta])
  }
}

/** @param gapBytes Zero bytes between the numbers and the block: priority and slot of a stream, which nobody uses. */
function control(type: number, flags: number, numbers: readonly number[], gapBytes = 0, block: Buffer = NOTHING): Buffer {
  const blockAt = HEAD_BYTES + 4 * numbers.length + gapBytes
  const bytes = Buffer.alloc(blockAt + block.length)
  bytes.writeUInt16BE(0x8000 | VERSION, 0)
  bytes.writeUInt16BE(type, 2)
  bytes.writeUInt32BE(flagsAndLength(flags, bytes.length - HEAD_BYTES), 4)
  for (const [index, number] of numbers.entries()) bytes.writeUInt32BE(number, HEAD_BYTES + 4 * index)
  bytes.set(block, blockAt)
  return bytes
}

function flagsAndLength(flags: number, length: number): number {
  if (length > DATA_BYTES_MAX) throw new SpdyError(`a frame of ${length} bytes, at most ${DATA_BYTES_MAX}`)
  return flags * 0x1000000 + length
}

const NOTHING = Buffer.alloc(0)

/** @param head The first eight bytes of a control frame. @throws SpdyError when it is not of SPDY/3. */
export function checkVersion(head: Buffer): void {
  const version = head.readUInt16BE(0) & 0x7fff
  if (version !== VERSION) throw new SpdyError(`SPDY version ${version}, only ${VERSION} is spoken`)
}

/** @param body What follows the eight bytes of `head`. @throws SpdyError when it has not the size of its type. */
export function parseControl(head: Buffer, body: Buffer): Frame {
  const type = head.readUInt16BE(2)
  const flags = head[4]!
  const fin = (flags & FLAG_FIN) !== 0
  const shape = SHAPES[type]
  if (!shape) return { type: 'unknown', number: type }
  if (shape.exact ? body.length !== shape.bytes : body.length < shape.bytes)
    throw new SpdyError(`a frame of type ${type} has ${body.length} bytes`)
  const streamId = (): number => body.readUInt32BE(0) & 0x7fffffff
  switch (type) {
    case 1:
      return { type: 'syn-stream', streamId: streamId(), block: body.subarray(10), fin, oneWay: (flags & FLAG_ONE_WAY) !== 0 }
    case 2:
      return { type: 'syn-reply', streamId: streamId(), block: body.subarray(4), fin }
    case 3:
      return { type: 'rst-stream', streamId: streamId(), status: body.readUInt32BE(4) }
    case 4:
      return { type: 'settings', entries: body }
    case 6:
      return { type: 'ping', id: body.readUInt32BE(0) }
    case 7:
      return { type: 'goaway', lastStreamId: streamId(), status: body.readUInt32BE(4) }
    case 8:
      return { type: 'headers', streamId: streamId(), block: body.subarray(4), fin }
    default:
      return { type: 'window-update', streamId: streamId(), delta: body.readUInt32BE(4) & 0x7fffffff }
  }
}

const SHAPES: Readonly<Record<number, { readonly bytes: number; readonly exact?: true }>> = {
  1: { bytes: 10 },
  2: { bytes: 4 },
  3: { bytes: 8, exact: true },
  4: { bytes: 4 },
  6: { bytes: 4, exact: true },
  7: { bytes: 8, exact: true },
  8: { bytes: 4 },
  9: { bytes: 8, exact: true },
}
