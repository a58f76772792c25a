import { type ImageArchive, imageArchive } from './image-archive.ts'

interface Machine {
  /** As `e_machine` of an ELF header. */
  readonly number: number
  readonly bits: 32 | 64
  readonly flags: number
  /** Machine code, in hexadecimal. */
  readonly code: string
}

/**
 * The same program for each machine, by its name in Go:
 *
 *     rt_sigaction(SIGCHLD, &action, NULL, 8)    the kernel buries the orphans of the pod by itself
 *     rt_sigprocmask(SIG_BLOCK, &signals, NULL, 8)
 *     while (rt_sigtimedwait(&signals, NULL, NULL, 8) < 0);
 *     exit(0)
 *
 * followed by `DATA`. It needs no memory of its own and no library.
 */
const MACHINES: Readonly<Record<string, Machine>> = {
  amd64: {
    number: 62,
    bits: 64,
    flags: 0,
    code: `b80d000000bf11000000488d353f00000031d241ba080000000f05b80e00000031ff488d354700000031d20f05
           b880000000488d3d3700000031f631d20f0585c078eab83c00000031ff0f050f1f4000`,
  },
  arm64: {
    number: 183,
    bits: 64,
    flags: 0,
    code: `c81080d2200280d241020010020080d2030180d2010000d4e81080d2000080d281020010020080d2010000d4
           281180d200020010010080d2020080d2010000d460ffff37a80b80d2000080d2010000d4`,
  },
  arm: {
    number: 40,
    bits: 32,
    flags: 0x5000000,
    code: `ae70a0e31100a0e348108fe20020a0e30830a0e3000000efaf70a0e30000a0e350108fe20020a0e3000000ef
           b170a0e340008fe20010a0e30020a0e3000000ef000050e3f8ffffba0170a0e30000a0e3000000ef0000a0e1`,
  },
}

/** struct sigaction with SIG_IGN, then a set of SIGINT and SIGTERM. */
const DATA = `01${'00'.repeat(31)}0240${'00'.repeat(6)}`
const LOAD_ADDRESS = 0x10000
const ALIGNMENT = 0x10000 // of the largest pages that a kernel may have
const READ_AND_EXECUTE = 5

/**
 * A pause image: one program of some two hundred bytes that does nothing until SIGTERM.
 *
 * @param name What the runtime asks for.
 * @param architecture As Go calls it: `amd64`, `arm64`, `arm`.
 * @throws Error for a machine that there is no program for.
 */
export function pauseArchive(name: string, architecture: string): ImageArchive {
  const program = { path: 'pause', type: 'file', mode: 0o755, data: pauseProgram(architecture) } as const
  return imageArchive(
    name,
    [program],
    { entrypoint: ['/pause'], env: {}, labels: { 'org.opencontainers.image.title': 'pause' } },
    architecture,
  )
}

/** @see Source: ELF-64 Object File Format, "ELF Header" and "Program Headers"; for 32 bits System V ABI, chapter 4 and 5. */
export function pauseProgram(architecture: string): Buffer {
  const machine = MACHINES[architecture]
  if (!machine) throw new Error(`there is no pause program for ${architecture}`)
  const body = Buffer.from(machine.code.replace(/\s/g, '') + DATA, 'hex')
  const is64 = machine.bits === 64
  const [headerBytes, segmentBytes] = is64 ? [64, 56] : [52, 32]
  const start = headerBytes + segmentBytes
  const fields = new Fields(machine.bits)

  fields
    .bytes('7f454c46')
    .byte(is64 ? 2 : 1)
    .bytes('0101')
    .bytes('00'.repeat(9))
  fields
    .half(2)
    .half(machine.number)
    .word(1)
    .address(LOAD_ADDRESS + start)
    .address(headerBytes)
    .address(0)
    .word(machine.flags)
  fields.half(headerBytes).half(segmentBytes).half(1).half(0).half(0).half(0)

  const size = start + body.length
  fields.word(1)
  if (is64) fields.word(READ_AND_EXECUTE)
  fields.address(0).address(LOAD_ADDRESS).address(LOAD_ADDRESS).address(size).address(size)
  if (!is64) fields.word(READ_AND_EXECUTE)
  fields.address(ALIGNMENT)
  return Buffer.concat([fields.written(), body])
}

/** Little-endian numbers, one after the other. */
class Fields {
  readonly #bits: 32 | 64
  #hex = ''

  constructor(bits: 32 | 64) {
    this.#bits = bits
  }

  bytes(hex: string): this {
    this.#hex += hex
    return this
  }
  byte = (value: number): this => this.#number(value, 1)
  half = (value: number): this => this.#number(value, 2)
  word = (value: number): this => this.#number(value, 4)
  address = (value: number): this => this.#number(value, this.#bits / 8)
  written = (): Buffer => Buffer.from(this.#hex, 'hex')

  #number(value: number, length: number): this {
    const bytes = Buffer.alloc(8)
    bytes.writeBigUInt64LE(BigInt(value))
    return this.bytes(bytes.toString('hex', 0, length))
  }
}
