import { type FieldError, forbiddenField } from '@bramble/api/field-error'
import type { JsonSchema } from '@bramble/api/types/custom-resource-definition'
import { PatternError, patternOf } from '../../api/custom/patterns.ts'
import { inside, subschemas } from './subschemas.ts'

/** What a schema may hold in all: it is read, and its patterns and rules are made ready, while nobody else is served. */
export const TOTALS = {
  /** Far above any definition that people have written. */
  depth: 100,
  patternSteps: 30_000,
  rules: 1_000,
  ruleCharacters: 200_000,
  /** Values that rules could look at, each counted once for every rule's place above it. */
  ruledValues: 40_000,
} as const

/** That a schema is no larger than what can be taken in within a second or so. */
export function validateTotals(root: JsonSchema, path: string): readonly FieldError[] {
  const all = everySchema(root)
  if (all === undefined) return [forbiddenField(path, `schemas may not be nested more than ${TOTALS.depth} levels deep`)]
  const excess = (what: string, found: number, max: number): readonly FieldError[] =>
    found > max ? [forbiddenField(path, `${what} in one schema may not be more than ${max}`)] : []
  const rules = all.flatMap((schema) => schema['x-kubernetes-validations'] ?? [])
  return [
    ...excess('steps of all patterns', patternSteps(all), TOTALS.patternSteps),
    ...excess('rules', rules.length, TOTALS.rules),
    ...excess(
      'characters of all rules',
      rules.reduce((sum, { rule = '', messageExpression = '' }) => sum + rule.length + messageExpression.length, 0),
      TOTALS.ruleCharacters,
    ),
    ...excess('values that rules look at', ruledValues(root).looked, TOTALS.ruledValues),
  ]
}

function everySchema(root: JsonSchema): readonly JsonSchema[] | undefined {
  const found: JsonSchema[] = []
  let level: readonly JsonSchema[] = [root]
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > TOTALS.depth) return undefined
    for (const schema of level) found.push(schema)
    level = level.flatMap((schema) => subschemas(schema, '').map((inner) => inner.schema))
  }
  return found
}

function patternSteps(all: readonly JsonSchema[]): number {
  let steps = 0
  for (const pattern of new Set(all.map((schema) => schema.pattern ?? ''))) {
    if (steps > TOTALS.patternSteps) break
    steps += stepsOf(pattern)
  }
  return steps
}

function stepsOf(pattern: string): number {
  try {
    return pattern === '' ? 0 : patternOf(pattern).size
  } catch (error) {
    if (error instanceof PatternError) return 0 // the schema is refused for it
    throw error
  }
}

function ruledValues(schema: JsonSchema): { readonly size: number; readonly looked: number } {
  const within = inside(schema, '').map((inner) => ruledValues(inner.schema))
  const size = within.reduce((sum, each) => sum + each.size, 1)
  const looked = within.reduce((sum, each) => sum + each.looked, 0)
  return { size, looked: (schema['x-kubernetes-validations'] ?? []).length > 0 ? looked + size : looked }
}
