import type { Family, Labels, Sample } from './family.ts'
import { numberText } from './text.ts'

/** One name holds at most so many combinations of labels; what comes later is not counted: memory has a bound whatever clients do. */
const SERIES_MAX = 4_000

interface Description<Name extends string> {
  readonly name: string
  readonly help: string
  readonly labels: readonly Name[]
}

/** Values by their labels. */
class Series<T> {
  readonly #names: readonly string[]
  readonly #byLabels = new Map<string, { readonly labels: Labels; readonly value: T }>()
  readonly #make: () => T

  constructor(names: readonly string[], make: () => T) {
    this.#names = names
    this.#make = make
  }

  of(values: readonly string[]): T | undefined {
    const key = values.length === 1 ? values[0]! : values.join('\n')
    const known = this.#byLabels.get(key)
    if (known) return known.value
    if (this.#byLabels.size >= SERIES_MAX) return undefined
    const value = this.#make()
    this.#byLabels.set(key, { labels: Object.fromEntries(this.#names.map((name, at) => [name, values[at] ?? ''])), value })
    return value
  }

  all(): Iterable<{ readonly labels: Labels; readonly value: T }> {
    return this.#byLabels.values()
  }
}

/** A number by its labels: one that only grows, or one that goes up and down. */
export class Count<Name extends string = never> {
  readonly #description: Description<Name>
  readonly #type: 'counter' | 'gauge'
  readonly #series: Series<{ value: number }>

  constructor(type: 'counter' | 'gauge', description: Description<Name>) {
    this.#type = type
    this.#description = description
    this.#series = new Series(description.labels, () => ({ value: 0 }))
  }

  /** @param values Of the labels, in their order. */
  add(values: readonly string[], by = 1): void {
    const series = this.#series.of(values)
    if (series) series.value += by
  }

  family(): Family {
    const { name, help } = this.#description
    const samples = [...this.#series.all()].map(({ labels, value: { value } }) => ({ labels, value }))
    return { name, help, type: this.#type, samples }
  }
}

interface Observed {
  readonly counts: Uint32Array
  sum: number
  count: number
}

/** How often a value was how large. */
export class Histogram<Name extends string = never> {
  readonly #description: Description<Name>
  readonly #bounds: readonly number[]
  readonly #series: Series<Observed>

  /** @param bounds Upper ones, ascending; the last, infinity, goes without saying. */
  constructor(description: Description<Name>, bounds: readonly number[]) {
    this.#description = description
    this.#bounds = bounds
    this.#series = new Series(description.labels, () => ({ counts: new Uint32Array(bounds.length), sum: 0, count: 0 }))
  }

  observe(values: readonly string[], value: number): void {
    const series = this.#series.of(values)
    if (!series) return
    series.sum += value
    series.count++
    const at = this.#bounds.findIndex((bound) => value <= bound)
    if (at >= 0) series.counts[at]!++
  }

  /** @param name Instead of its own: the same figures are known by several names. */
  family(name = this.#description.name): Family {
    const samples: Sample[] = []
    for (const { labels, value } of this.#series.all()) {
      let below = 0
      for (const [at, bound] of this.#bounds.entries()) {
        below += value.counts[at]!
        samples.push({ suffix: '_bucket', labels: { ...labels, le: numberText(bound) }, value: below })
      }
      samples.push({ suffix: '_bucket', labels: { ...labels, le: '+Inf' }, value: value.count })
      samples.push({ suffix: '_sum', labels, value: value.sum }, { suffix: '_count', labels, value: value.count })
    }
    return { name, help: this.#description.help, type: 'histogram', samples }
  }
}
