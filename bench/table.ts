import { cpus, release, totalmem } from 'node:os'

/** One line: what these figures were taken on. */
export function machine(): string {
  const model = cpus()[0]?.model.trim() || 'unknown processor'
  return `${cpus().length} × ${model}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release().split('-')[0]}, Node.js ${process.versions.node}`
}

/** Columns in line, the first to the left, figures to the right. */
export function printTable(title: string, head: readonly string[], rows: readonly (readonly string[])[]): void {
  const all = [head, ...rows]
  const widths = head.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)))
  const line = (row: readonly string[]): string =>
    `| ${widths.map((width, column) => (column === 0 ? (row[column] ?? '').padEnd(width) : (row[column] ?? '').padStart(width))).join(' | ')} |`
  const rule = `| ${widths.map((width, column) => (column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |`
  console.log(`\n${title}\n\n${[line(head), rule, ...rows.map(line)].join('\n')}`)
}

export function median(values: readonly number[]): number {
  return percentile(values, 0.5)
}

/** @param share From 0 to 1. NaN when there are no values. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (sorted.length - 1) * share
  const [low, high] = [sorted[Math.floor(at)] ?? Number.NaN, sorted[Math.ceil(at)] ?? Number.NaN]
  return low + (high - low) * (at - Math.floor(at))
}

/** `median (smallest – largest)`. */
export function spread(values: readonly number[], digits: number): string {
  if (values.length === 0) return '–'
  return `${median(values).toFixed(digits)} (${Math.min(...values).toFixed(digits)} – ${Math.max(...values).toFixed(digits)})`
}

export const megabytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(1)

/** The value of `--name VALUE` among the arguments. */
export function numberOption(name: string, otherwise: number): number {
  const at = process.argv.indexOf(`--${name}`)
  const value = at < 0 ? otherwise : Number(process.argv[at + 1])
  if (!Number.isInteger(value) || value < 1) throw new Error(`--${name} needs a whole number from 1 on`)
  return value
}
