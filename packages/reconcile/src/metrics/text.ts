import type { Family, Labels, Sample } from './family.ts'

export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/**
 * Families as Prometheus reads them; those without a sample are left out.
 * @see Source: Prometheus documentation, "Exposition formats", text format 0.0.4.
 */
export const metricsText = (families: Iterable<Family>): string => [...metricsParts(families)].join('') || '\n'

/** The same, a family at a time: the text of a large page never exists as a whole. */
export function* metricsParts(families: Iterable<Family>): Generator<string, void> {
  for (const { name, help, type, samples } of families) {
    if (samples.length === 0) continue
    const lines = [`# HELP ${name} ${escapeHelp(help)}`, `# TYPE ${name} ${type}`]
    for (const sample of samples) lines.push(lineOf(name, sample))
    yield `${lines.join('\n')}\n`
  }
}

const lineOf = (name: string, { suffix = '', labels, value }: Sample): string =>
  `${name}${suffix}${labelsText(labels)} ${numberText(value)}`

function labelsText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeValue(value)}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

/** `+Inf`, `-Inf` and `NaN` are numbers here. */
export function numberText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf'
  return value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value)
}

const escapeValue = (text: string): string => (/[\\"\n]/.test(text) ? text.replace(/[\\"]/g, '\\$&').replace(/\n/g, '\\n') : text)
const escapeHelp = (text: string): string => text.replace(/\\/g, '\\\\').replace(/\n/g, '\\n')
