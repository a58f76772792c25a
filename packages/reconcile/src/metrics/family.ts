// What is measured, as Prometheus knows it. Source: Prometheus documentation, "Metric types" and "Exposition formats".

export type Labels = Readonly<Record<string, string>>

export interface Sample {
  readonly labels: Labels
  readonly value: number
  /** What follows the family's name: `_bucket`, `_sum`, `_count`. */
  readonly suffix?: string
}

/** All samples of one name. */
export interface Family {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly samples: readonly Sample[]
}

/** Asked at each scrape. */
export type MetricSource = () => readonly Family[] | Promise<readonly Family[]>

/** A family of one sample. */
export const single = (type: 'counter' | 'gauge', name: string, help: string, value: number, labels: Labels = {}): Family => ({
  type,
  name,
  help,
  samples: [{ labels, value }],
})
