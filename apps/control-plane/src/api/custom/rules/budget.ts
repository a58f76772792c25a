/** What the rules of one object may cost: about a second of a Raspberry Pi. One unit is a handful of steps of the interpreter. */
export const OBJECT_COST_MAX = 1_000_000
/** Of which one rule may use this much in one place. */
export const RULE_COST_MAX = 500_000

const CHARACTERS_PER_UNIT = 10

/** Counts down while rules run; what it throws when it is used up ends the rule. */
export class Budget {
  #left: number
  #ruleLeft = RULE_COST_MAX

  constructor(left = OBJECT_COST_MAX) {
    this.#left = left
  }

  startRule(): void {
    this.#ruleLeft = RULE_COST_MAX
  }

  /** @throws BudgetError */
  charge(cost: number): void {
    if (!this.isExhausted && !this.isRuleExhausted) {
      const counted = Math.min(cost, this.#ruleLeft + 1) // a rule that is stopped leaves the rest to the others
      this.#left -= counted
      this.#ruleLeft -= counted
    }
    if (this.isExhausted || this.isRuleExhausted) throw new BudgetError()
  }

  get isExhausted(): boolean {
    return this.#left < 0
  }

  get isRuleExhausted(): boolean {
    return this.#ruleLeft < 0
  }
}

export class BudgetError extends Error {
  override name = 'BudgetError'
  constructor() {
    super('the cost budget is exhausted')
  }
}

let current: Budget | undefined

/** Runs with a budget that functions of rules charge; nothing in it may be asynchronous. */
export function withBudget<T>(budget: Budget, run: () => T): T {
  const before = current
  current = budget
  try {
    return run()
  } finally {
    current = before
  }
}

/** @throws BudgetError */
export const charge = (cost: number): void => current?.charge(cost)

const weights = new WeakMap<object, number>()

/** How long it takes to look at all of a value. */
export function weigh(value: unknown): number {
  if (typeof value === 'string' || value instanceof Uint8Array) return 1 + Math.floor(value.length / CHARACTERS_PER_UNIT)
  if (typeof value !== 'object' || value === null) return 1
  const isCollection = Array.isArray(value) || value instanceof Set || value instanceof Map
  if (!isCollection) return 1
  const known = weights.get(value)
  if (known !== undefined) return known
  let weight = 1
  for (const inner of value.values()) weight += weigh(inner)
  weights.set(value, weight)
  return weight
}
