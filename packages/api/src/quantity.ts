/** Binary and decimal suffixes of a Kubernetes quantity, as powers. */
const SUFFIX: Readonly<Record<string, number>> = {
  '': 1,
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
}
const QUANTITY = /^([+-]?(?:\d+\.?\d*|\.\d+))(?:(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)|[eE]([+-]?\d{1,3}))?$/

export const QUANTITY_RULE = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"

/**
 * The number that a quantity stands for: `'250m'` → 0.25, `'64Mi'` → 67108864, `1` → 1; undefined when it is none.
 * @see Source: apimachinery pkg/api/resource/quantity.go, "serialization format".
 */
export function quantityValue(quantity: string | number): number | undefined {
  if (typeof quantity === 'number') return Number.isFinite(quantity) ? quantity : undefined
  const match = QUANTITY.exec(quantity)
  if (!match) return undefined
  return Number(match[1]) * (match[3] === undefined ? SUFFIX[match[2] ?? '']! : 10 ** Number(match[3]))
}

/** CPU in thousandths of a core, rounded up; 0 when absent or no quantity. */
export const cpuMillis = (quantity: string | number | undefined): number =>
  Math.ceil(round((quantity === undefined ? 0 : (quantityValue(quantity) ?? 0)) * 1000))

/** Memory or storage in whole bytes, rounded up; 0 when absent or no quantity. */
export const memoryBytes = (quantity: string | number | undefined): number =>
  Math.ceil(round(quantity === undefined ? 0 : (quantityValue(quantity) ?? 0)))

/** `0.1 * 1000` must not become 101 by a floating tail. */
const round = (value: number): number => Number(value.toPrecision(15))
