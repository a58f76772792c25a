import { type Environment, Optional } from '@marcbachmann/cel-js'
import { charge } from '../budget.ts'
import { registerAll, RuleError } from './register.ts'

// Macros that the library lacks: of optional values, and those that know both the place and the value of an item.
// Source: github.com/google/cel-go cel/library.go (OptionalTypes), ext/comprehensions.go.

interface Type {
  readonly kind: string
  readonly valueType: Type
  readonly keyType: Type
}
interface Scope {
  forkWithVariable(name: string, type: Type): Scope
  reuse(parent: Scope): Scope
  setIterValue(value: unknown, evaluator: Evaluator): Scope
}
interface Expression {
  readonly op: string
  readonly args: unknown
}
interface Checker {
  check(node: Expression, scope: Scope): Type
  getType(name: string): Type
  readonly registry: { getListType(type: Type): Type; getMapType(key: Type, value: Type): Type; getOptionalType(type: Type): Type }
  createError(code: string, message: string, node: Expression): Error
}
interface Evaluator {
  run(node: Expression, scope: Scope): unknown
}
interface Call {
  readonly args: readonly Expression[]
  readonly receiver: Expression
}
/** What the scopes of a macro's variables were when it was checked. */
interface Macro extends Call {
  scopes: readonly Scope[]
}

export function registerMacros(environment: Environment): void {
  for (const [name, isFlat] of [
    ['optMap', false],
    ['optFlatMap', true],
  ] as const)
    environment.registerFunction(`optional.${name}(ast, ast): dyn`, ((call: Call) => optionalMacro(call, isFlat)) as never)
  for (const [name, sort] of Object.entries(PAIR_MACROS)) {
    environment.registerFunction(`list.${name}(ast, ast, ast): dyn`, ((call: Call) => pairMacro(call, sort)) as never)
    if (sort === 'list' || sort === 'map')
      environment.registerFunction(`list.${name}(ast, ast, ast, ast): dyn`, ((call: Call) => pairMacro(call, sort)) as never)
  }
  registerAll(environment, {
    'OptionalNamespace.ofNonZeroValue(dyn): optional<dyn>': (_: unknown, value: unknown) =>
      isZero(value) ? Optional.none() : Optional.of(value),
  })
}

const PAIR_MACROS = {
  all: 'all',
  exists: 'exists',
  exists_one: 'one',
  existsOne: 'one',
  transformList: 'list',
  transformMap: 'map',
} as const
type PairSort = (typeof PAIR_MACROS)[keyof typeof PAIR_MACROS]

function nameOf(checker: Checker, node: Expression): string {
  if (node.op === 'id') return node.args as string
  throw checker.createError('invalid_macro_argument', 'argument must be a simple name', node)
}

function optionalMacro({ args, receiver }: Call, isFlat: boolean) {
  const [variable, expression] = args as [Expression, Expression]
  return {
    args,
    receiver,
    scopes: [] as readonly Scope[],
    async: false,
    typeCheck(checker: Checker, macro: Macro, scope: Scope): Type {
      const type = checker.check(receiver, scope)
      const inner = type.kind === 'optional' ? type.valueType : checker.getType('dyn')
      macro.scopes = [scope.forkWithVariable(nameOf(checker, variable), inner)]
      const result = checker.check(expression, macro.scopes[0]!)
      return isFlat ? result : checker.registry.getOptionalType(result)
    },
    evaluate(evaluator: Evaluator, { scopes }: Macro, scope: Scope): unknown {
      const value = evaluator.run(receiver, scope) as Optional
      if (!value.hasValue()) return Optional.none()
      const result = evaluator.run(expression, scopes[0]!.reuse(scope).setIterValue(value.value(), evaluator))
      return isFlat ? result : Optional.of(result)
    },
  }
}

/** `list.all(index, item, predicate)`, `map.transformList(key, value, transform)` and their like. */
function pairMacro(call: Call, sort: PairSort) {
  const { args, receiver } = call
  const [first, second, ...rest] = args as [Expression, Expression, ...Expression[]]
  const filter = rest.length === 2 ? rest[0] : undefined
  const expression = rest.at(-1)!
  return {
    ...call,
    scopes: [] as readonly Scope[],
    async: false,
    typeCheck(checker: Checker, macro: Macro, scope: Scope): Type {
      const type = checker.check(receiver, scope)
      const dyn = checker.getType('dyn')
      const key = type.kind === 'map' ? type.keyType : type.kind === 'list' ? checker.getType('int') : dyn
      const value = type.kind === 'map' || type.kind === 'list' ? type.valueType : dyn
      const outer = scope.forkWithVariable(nameOf(checker, first), key)
      macro.scopes = [outer, outer.forkWithVariable(nameOf(checker, second), value)]
      if (filter) checker.check(filter, macro.scopes[1]!)
      const result = checker.check(expression, macro.scopes[1]!)
      if (sort === 'list') return checker.registry.getListType(result)
      return sort === 'map' ? checker.registry.getMapType(key, result) : checker.getType('bool')
    },
    evaluate(evaluator: Evaluator, { scopes }: Macro, scope: Scope): unknown {
      const [outer, inner] = scopes as [Scope, Scope]
      const at = (key: unknown, value: unknown): Scope =>
        inner.reuse(outer.reuse(scope).setIterValue(key, evaluator)).setIterValue(value, evaluator)
      const pairs = pairsOf(evaluator.run(receiver, scope)).filter(
        ([key, value]) => !filter || evaluator.run(filter, at(key, value)) === true,
      )
      return collect(sort, pairs, (key, value) => evaluator.run(expression, at(key, value)))
    },
  }
}

type Pair = readonly [unknown, unknown]

function pairsOf(range: unknown): readonly Pair[] {
  const pairs: readonly Pair[] =
    range instanceof Map
      ? [...range]
      : Array.isArray(range) || range instanceof Set
        ? [...range].map((item, index) => [BigInt(index), item])
        : Object.entries(range as object)
  charge(1 + pairs.length * PAIR_COST)
  return pairs
}
const PAIR_COST = 5

function collect(sort: PairSort, pairs: readonly Pair[], run: (key: unknown, value: unknown) => unknown): unknown {
  switch (sort) {
    case 'all':
      return pairs.every(([key, value]) => isTrue(run(key, value)))
    case 'exists':
      return pairs.some(([key, value]) => isTrue(run(key, value)))
    case 'one':
      return pairs.filter(([key, value]) => isTrue(run(key, value))).length === 1
    case 'list':
      return pairs.map(([key, value]) => run(key, value))
    case 'map':
      return new Map(pairs.map(([key, value]) => [key, run(key, value)]))
  }
}

function isTrue(value: unknown): boolean {
  if (typeof value !== 'boolean') throw new RuleError('the predicate must be a bool')
  return value
}

function isZero(value: unknown): boolean {
  if (value === null || value === '' || value === 0n || value === 0 || value === false) return true
  if (Array.isArray(value) || value instanceof Uint8Array) return value.length === 0
  return (value instanceof Map || value instanceof Set) && value.size === 0
}
