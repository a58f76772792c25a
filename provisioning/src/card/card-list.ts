import { type Info, parse } from 'csv-parse/sync'
import { type CardSettings, nameOfSerial, type Problem } from './card.ts'
import { type CardOptions, checkCard, plainSerial } from './card-options.ts'

/** One card of a batch: what it is to be, and where it goes when that is a file. */
export interface ListedCard {
  readonly settings: CardSettings
  readonly output: string | undefined
  /** For people: `card 2`, `cards.csv:3`. */
  readonly from: string
}

/** What a line may say; each name is that of an option. Cells of the plural ones hold several, with ";" between. */
export const COLUMNS = [
  ...[
    'hostname',
    'serial',
    'user',
    'ssh-key',
    'wifi',
    'wifi-passphrase-file',
    'wifi-hidden',
    'wifi-open',
    'country',
    'timezone',
    'static-ip',
  ],
  ...['gateway', 'dns', 'label', 'taint', 'server', 'stream-port', 'runtime', 'metered', 'output'],
] as const
export type Column = (typeof COLUMNS)[number]
export type Row = Partial<Record<Column, string>>

/** Problems of a batch, all at once, each with its place. */
export interface BatchProblem extends Problem {
  readonly from: string
}

export type Batch = { readonly cards: readonly ListedCard[]; readonly problems: readonly BatchProblem[] }

/** What the caller makes of a row: options of the command line under it, files read. Its problems are those of reading. */
export type OptionsOf = (row: Row) => {
  readonly options: CardOptions
  readonly output: string | undefined
  readonly problems: readonly Problem[]
}

/** The cards of a cards.csv. @param name For messages. */
export function cardsFromCsv(name: string, text: string, optionsOf: OptionsOf): Batch {
  const { rows, problems } = readCsv(name, text)
  const batch = checkAll(rows, optionsOf)
  return { cards: batch.cards, problems: [...problems, ...batch.problems].sort((a, b) => lineOf(a.from) - lineOf(b.from)) }
}

/** `count` cards that differ by `{n}` only. */
export function cardsByCount(count: number, optionsOf: OptionsOf): Batch {
  const rows = Array.from({ length: count }, (_, index) => ({ from: count === 1 ? '' : `card ${index + 1}`, row: {}, n: index + 1 }))
  return checkAll(rows, optionsOf)
}

interface PlacedRow {
  readonly from: string
  readonly row: Row
  /** What `{n}` stands for: the place in the batch, from 1. */
  readonly n: number
}

function checkAll(rows: readonly PlacedRow[], optionsOf: OptionsOf): Batch {
  const cards: ListedCard[] = []
  const asked: Asked[] = []
  const problems: BatchProblem[] = []
  for (const { from, row, n } of rows) {
    const read = optionsOf(row)
    const options = numbered(read.options, n)
    const { settings, problems: wrong } = checkCard(options)
    for (const problem of [...read.problems, ...wrong]) problems.push({ from, ...problem })
    const output = read.output && outputOf(read.output, n, options)
    asked.push({ from, options, output })
    if (settings) cards.push({ settings, output, from })
  }
  return { cards, problems: [...problems, ...doubles(asked)] }
}

interface Asked {
  readonly from: string
  readonly options: CardOptions
  readonly output: string | undefined
}

const number = (text: string, n: number): string => text.replaceAll('{n}', String(n))

function numbered(options: CardOptions, n: number): CardOptions {
  const of = (text: string | undefined): string | undefined => (text === undefined ? undefined : number(text, n))
  const labels = options.labels?.map((label) => number(label, n))
  return { ...options, hostname: of(options.hostname), staticIp: of(options.staticIp), labels } as CardOptions
}

const outputOf = (output: string, n: number, { hostname, serial }: CardOptions): string =>
  number(output, n).replaceAll('{hostname}', hostname ?? (serial === undefined ? `card-${n}` : nameOfSerial(plainSerial(serial))))

/** Two Pis with one name, serial or address would fight; two cards in one file would lose one. */
function doubles(asked: readonly Asked[]): readonly BatchProblem[] {
  const facts: readonly (readonly [string, (card: Asked) => string | undefined])[] = [
    ['hostname', ({ options }) => options.hostname],
    ['serial', ({ options }) => options.serial && plainSerial(options.serial)],
    ['static-ip', ({ options }) => options.staticIp?.split('/')[0]],
    ['output', ({ output }) => output],
  ]
  return facts.flatMap(([option, factOf]) => {
    const first = new Map<string, Asked>()
    return asked.flatMap((card) => {
      const fact = factOf(card)
      const other = fact === undefined ? undefined : first.get(fact)
      if (fact !== undefined && !other) first.set(fact, card)
      return other ? [{ from: card.from, option, message: `"${fact}" is that of ${other.from} already${hint(option, card.from)}` }] : []
    })
  })
}

const hint = (option: string, from: string): string =>
  from.startsWith('card ') && option !== 'serial' ? '; put {n} where the number goes' : ''

function readCsv(name: string, text: string): { readonly rows: readonly PlacedRow[]; readonly problems: readonly BatchProblem[] } {
  const problems: BatchProblem[] = []
  const say = (line: number, option: string, message: string): void => void problems.push({ from: `${name}:${line}`, option, message })
  const records = parseCsv(text, (line, message) => say(line, '', message))
  const [header, ...lines] = records
  if (!header) {
    if (problems.length === 0) say(1, '', `is empty; its first line names the columns: ${COLUMNS.join(', ')}`)
    return { rows: [], problems }
  }
  const names = header.record.map((cell) => cell.trim().toLowerCase().replace(/^--/, ''))
  for (const [index, column] of names.entries()) {
    if (!COLUMNS.includes(column as Column)) say(header.line, '', `unknown column "${header.record[index]}"; known: ${COLUMNS.join(', ')}`)
    else if (names.indexOf(column) !== index) say(header.line, '', `column "${column}" is there twice`)
  }
  if (problems.some(({ from }) => lineOf(from) === header.line)) return { rows: [], problems }
  if (lines.length === 0 && problems.length === 0) say(header.line, '', 'has no line for a card after the names of the columns')
  const rows: PlacedRow[] = []
  for (const { record, line } of lines) {
    if (record.length === names.length) {
      const cells = names.map((column, index) => [column, record[index]!.trim()] as const).filter(([, cell]) => cell !== '')
      rows.push({ from: `${name}:${line}`, row: Object.fromEntries(cells), n: rows.length + 1 })
    } else say(line, '', `has ${record.length} columns, the first line names ${names.length}; text with a comma needs quotes: "a,b"`)
  }
  return { rows, problems }
}

interface CsvRecord {
  readonly record: readonly string[]
  /** Where it ends. */
  readonly line: number
}

function parseCsv(text: string, say: (line: number, message: string) => void): readonly CsvRecord[] {
  const options = {
    bom: true,
    info: true,
    relax_column_count: true,
    skip_empty_lines: true,
    comment: '#',
    comment_no_infix: true,
    delimiter: (text.split('\n', 1)[0] ?? '').includes(';') && !(text.split('\n', 1)[0] ?? '').includes(',') ? ';' : ',',
  } as const
  try {
    const parsed = parse(text, options) as unknown as readonly { readonly record: string[]; readonly info: Info }[]
    return parsed.map(({ record, info }) => ({ record, line: info.lines }))
  } catch (error) {
    const { lines, message } = error as Error & { readonly lines?: number }
    say(lines ?? 1, `is no CSV: ${message}`)
    return []
  }
}

const lineOf = (from: string): number => Number(/:(\d+)$/.exec(from)?.[1] ?? 0)
