import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isScalar } from './scalars.ts'

export interface FieldType {
  readonly is: 'scalar' | 'message' | 'map' | 'items'
  /** Of a scalar: its type; of a message: its full name. */
  readonly name: string
  /** Of maps and items: what they hold. */
  readonly of?: FieldType
}

export interface Field {
  /** In JSON. One that starts with `=` is not a property but the whole value. */
  readonly name: string
  readonly type: FieldType
  readonly repeated: boolean
  /** A pointer in Go: when it is on the wire, its zero is a value. */
  readonly pointer: boolean
  /** JSON has it even when zero. */
  readonly always: boolean
  /** Its fields belong to the outer object. */
  readonly inline: boolean
}
export type Message = ReadonlyMap<number, Field>

/** Kinds that every group has, and that are the same in each. */
const SHARED = new Set(['DeleteOptions', 'CreateOptions', 'UpdateOptions', 'PatchOptions', 'Status'])

/**
 * `fields.txt`, read at the first protobuf body. Lines are parsed when a message is first met: most of them never are.
 */
export class FieldTable {
  readonly #lines = new Map<string, string>()
  readonly #packages = new Map<string, string>()
  readonly #messages = new Map<string, Message>()

  constructor(text: string = readFileSync(join(import.meta.dirname, 'fields.txt'), 'utf8')) {
    let inPackage = ''
    for (const line of text.split('\n')) {
      const header = /^\[(\S+)(?: (\S+))?\]$/.exec(line)
      if (header) {
        inPackage = header[1]!
        if (header[2]) this.#packages.set(header[2], inPackage)
      } else if (line !== '' && !line.startsWith('#')) {
        const colon = line.indexOf(':')
        this.#lines.set(`${inPackage}.${line.slice(0, colon)}`, line.slice(colon + 1).trim())
      }
    }
  }

  /** Full name of the message that a kind is encoded as. */
  messageOf(apiVersion: string, kind: string): string | undefined {
    if (SHARED.has(kind)) return `meta.v1.${kind}`
    const name = `${this.#packages.get(apiVersion)}.${kind}`
    return this.#lines.has(name) ? name : undefined
  }

  message(name: string): Message {
    const known = this.#messages.get(name)
    if (known) return known
    const line = this.#lines.get(name)
    if (line === undefined) throw new Error(`fields.txt has no message ${name}`)
    const home = name.slice(0, name.lastIndexOf('.'))
    const message = new Map(line === '' ? [] : line.split(', ').map((text) => parseField(text, home)))
    this.#messages.set(name, message)
    return message
  }

  /** Full names of all messages. */
  names(): readonly string[] {
    return [...this.#lines.keys()]
  }
}

function parseField(text: string, home: string): readonly [number, Field] {
  const match = /^(\d+) ([\w$-]+|[~=])([+*!]*)(?: (.+))?$/.exec(text)
  if (!match) throw new Error(`fields.txt: cannot read ${JSON.stringify(text)}`)
  const [, number, name, flags = '', type = 'string'] = match
  return [
    Number(number),
    {
      name: name === '=' ? `=${number}` : name!,
      type: parseType(type, home),
      inline: name === '~',
      repeated: flags.includes('+'),
      pointer: flags.includes('*'),
      always: flags.includes('!'),
    },
  ]
}

function parseType(text: string, home: string): FieldType {
  const wrapped = /^(map|items) (.+)$/.exec(text)
  if (wrapped) return { is: wrapped[1] as 'map' | 'items', name: text, of: parseType(wrapped[2]!, home) }
  if (isScalar(text)) return { is: 'scalar', name: text }
  return { is: 'message', name: text.includes('.') ? text : `${home}.${text}` }
}
