import type { JsonValue } from '@bramble/api/object'
import { type Environment, Optional } from '@marcbachmann/cel-js'
import type { JsonSchema } from '@bramble/api/types/custom-resource-definition'
import { mentions, meter, type Node, replaceFunctions, sizeOf } from './ast.ts'
import { type Budget, withBudget } from './budget.ts'
import { baseEnvironment } from './environment.ts'
import { compileMessage } from './messages.ts'
import { declareType, type RuleType } from './types.ts'

/** An expression that is ready to run. */
export interface Expression {
  readonly usesOldSelf: boolean
  /** @throws whatever went wrong, `BudgetError` when it took too long. */
  run(values: Values, budget: Budget): unknown
}

/** Converted by the place's type. */
export interface Values {
  readonly self: unknown
  readonly oldSelf?: unknown
}

export { evaluationMessage } from './messages.ts'

/** Why an expression cannot be used. */
export class CompileError extends Error {
  override name = 'CompileError'
}

/** The place of a schema at which rules stand: they are compiled against its type. */
export class RulePlace {
  readonly #environment: Environment
  readonly #optionalEnvironment: Environment
  readonly #type: RuleType

  /** @throws CompileError when rules can say nothing of such values. */
  constructor(schema: JsonSchema, isRoot: boolean) {
    const typed = baseEnvironment().clone()
    const type = declareType(typed, schema, isRoot)
    if (!type) throw new CompileError('compilation failed: rules cannot be used where a schema does not say what type a value has')
    this.#type = type
    this.#environment = typed.clone().registerVariable('self', type.name).registerVariable('oldSelf', type.name)
    this.#optionalEnvironment = typed.clone().registerVariable('self', type.name).registerVariable('oldSelf', `optional<${type.name}>`)
  }

  convert(value: JsonValue): unknown {
    return this.#type.convert(value)
  }

  /**
   * @param result What the expression must give.
   * @param hasOptionalOldSelf `oldSelf` is an optional value.
   * @throws CompileError in cel-go's words.
   */
  compile(source: string, result: 'bool' | 'string', hasOptionalOldSelf: boolean): Expression {
    const environment = hasOptionalOldSelf ? this.#optionalEnvironment : this.#environment
    try {
      const parsed = environment.parse(source)
      const root = parsed.ast as unknown as Node
      replaceFunctions(root)
      const checked = parsed.check()
      if (!checked.valid) throw checked.error ?? new Error('unknown error')
      if (checked.type !== result && checked.type !== 'dyn') throw new CompileError(wrongResult(result))
      meter(root)
      const cost = sizeOf(root)
      return {
        usesOldSelf: mentions(root, 'oldSelf'),
        run: (values, budget) => {
          budget.charge(cost)
          return withBudget(budget, () => parsed(context(values, hasOptionalOldSelf)))
        },
      }
    } catch (error) {
      throw error instanceof CompileError ? error : new CompileError(compileMessage(error, source))
    }
  }
}

const wrongResult = (result: 'bool' | 'string'): string =>
  result === 'bool' ? 'cel expression must evaluate to a bool' : 'messageExpression must evaluate to a string'

function context({ self, oldSelf }: Values, hasOptionalOldSelf: boolean): object {
  if (!hasOptionalOldSelf) return oldSelf === undefined ? { self } : { self, oldSelf }
  return { self, oldSelf: oldSelf === undefined ? Optional.none() : Optional.of(oldSelf) }
}
