const UNIT = /^(?:\d+\.?\d*|\.\d+)([^\d.]*)/
const UNITS: ReadonlySet<string> = new Set(['ns', 'us', 'µs', 'μs', 'ms', 's', 'm', 'h'])

/**
 * What is wrong with a duration such as `1h30m`, in Go's words; undefined when nothing is.
 * @see Source: Go time.ParseDuration.
 */
export function durationFault(text: string): string | undefined {
  const shown = JSON.stringify(text)
  let rest = text.replace(/^[+-]/, '')
  if (rest === '0') return undefined
  if (rest === '') return `time: invalid duration ${shown}`
  while (rest !== '') {
    const match = UNIT.exec(rest)
    if (!match) return `time: invalid duration ${shown}`
    const unit = match[1]!
    if (unit === '') return `time: missing unit in duration ${shown}`
    if (!UNITS.has(unit)) return `time: unknown unit ${JSON.stringify(unit)} in duration ${shown}`
    rest = rest.slice(match[0].length)
  }
  return undefined
}
