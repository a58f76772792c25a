import { Optional } from '@marcbachmann/cel-js'
import type { Node } from './ast.ts'

interface Type {
  fieldLazy(object: unknown, field: string, node: Node, evaluator: Evaluator): unknown
}
interface Checker {
  check(node: Node, scope: object): Type
  getType(name: string): Type
  createError(code: string, message: string, node: Node): Error
}
interface Evaluator {
  run(node: Node, scope: object): unknown
  debugType(value: unknown): Type
}

/** `has(a.b)`: whether the last field is there, wherever the others lead; the library's own knows names only, no `a[0].b`. */
export function presence([selected]: readonly Node[]) {
  const [operand, field] = (selected?.args ?? []) as readonly [Node, string]
  return {
    typeCheck(checker: Checker, _macro: object, scope: object): Type {
      if (selected?.op !== '.') throw checker.createError('invalid_macro_argument', 'invalid argument to has() macro', selected!)
      checker.check(selected, scope)
      return checker.getType('bool')
    },
    evaluate(evaluator: Evaluator, _macro: object, scope: object): boolean {
      const value = evaluator.run(operand, scope)
      const object = value instanceof Optional ? (value as Optional).orValue(undefined) : value
      return object !== undefined && evaluator.debugType(object).fieldLazy(object, field, selected!, evaluator) !== undefined
    },
  }
}
