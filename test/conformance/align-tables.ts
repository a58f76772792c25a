interface Table {
  /** Where columns begin. */
  readonly starts: readonly number[]
  readonly gap: number
}

/** `NAME   READY   CPU(cores)`, as `kubectl get` prints it. */
const TITLE = String.raw`[A-Z][A-Z0-9/_-]*%?(?:\([a-zA-Z%]+\))?`
const GET_HEADER = new RegExp(`^${TITLE}( ${TITLE})*( {3,}${TITLE}( ${TITLE})*)+ *$`)
/** `----   ------   ---`, as `kubectl describe` prints it below a header. */
const DASHES = /^ *-{2,}( {2,}-{2,})+ *$/

/**
 * The text with each part replaced: cells of tables alone, everything else line by line. Columns are made as wide as what
 * stands in them afterwards, so that a table looks the same however long the values were.
 */
export function alignTables(text: string, replace: (part: string) => string): string {
  const lines = text.split('\n')
  const out: string[] = []
  for (let index = 0; index < lines.length; ) {
    const table = tableAt(lines, index)
    if (!table) {
      const line = lines[index++]!
      const replaced = replace(line)
      if (replaced !== '' || line === '') out.push(replaced)
      continue
    }
    const rows: string[][] = []
    do rows.push(cellsOf(lines[index++]!, table)!.map(replace))
    while (index < lines.length && !tableAt(lines, index) && cellsOf(lines[index]!, table) !== undefined)
    out.push(...layOut(rows, table))
  }
  return out.join('\n')
}

function tableAt(lines: readonly string[], index: number): Table | undefined {
  const line = lines[index]!
  if (GET_HEADER.test(line)) return { starts: startsOf(line, / {3,}/g), gap: 3 }
  if (DASHES.test(lines[index + 1] ?? '') && !DASHES.test(line)) return { starts: startsOf(lines[index + 1]!, / {2,}/g), gap: 2 }
  return undefined
}

function startsOf(header: string, gaps: RegExp): readonly number[] {
  const text = header.trimEnd()
  const indent = text.length - text.trimStart().length
  return [indent, ...[...text.matchAll(gaps)].filter(({ index }) => index >= indent).map((gap) => gap.index + gap[0].length)]
}

/** undefined when the line is no row of the table: something stands where columns are apart. */
function cellsOf(line: string, { starts }: Table): string[] | undefined {
  if (line.trim() === '' || line.slice(0, starts[0]).trim() !== '') return undefined
  if (starts.some((start) => start > 0 && start < line.length && line[start - 1] !== ' ')) return undefined
  return starts.map((start, column) => line.slice(start, starts[column + 1]).trimEnd())
}

function layOut(rows: readonly (readonly string[])[], { starts, gap }: Table): readonly string[] {
  const widths = starts.map((_, column) => Math.max(...rows.map((cells) => cells[column]!.length)))
  return rows.map((cells) => (' '.repeat(starts[0]!) + cells.map((cell, column) => cell.padEnd(widths[column]! + gap)).join('')).trimEnd())
}
