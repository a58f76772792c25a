/** What checking one object may cost: some tenths of a second, a few seconds on the slowest machine. A unit is a step of a pattern. */
const BUDGET = 5_000_000

/** One object costs more than anybody would wait for. */
export class CheckBudgetError extends Error {
  override name = 'CheckBudgetError'
}

let left = Infinity

/** Runs with a bound on what checking may cost in all; nothing in it may be asynchronous. */
export function withCheckBudget<T>(run: () => T): T {
  const before = left
  left = BUDGET
  try {
    return run()
  } finally {
    left = before
  }
}

/** @throws CheckBudgetError within {@link withCheckBudget}. */
export function spend(cost: number): void {
  left -= cost
  if (left < 0) throw new CheckBudgetError('checking takes too long')
}
