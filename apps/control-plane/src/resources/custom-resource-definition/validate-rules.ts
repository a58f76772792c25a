import { type FieldError, invalidValue, notSupported, required } from '@bramble/api/field-error'
import type { JsonSchema, ValidationRule } from '@bramble/api/types/custom-resource-definition'
import { resolveFieldPath } from '../../api/custom/field-path.ts'
import type { Expression, RulePlace } from '../../api/custom/rules/compile.ts'
import { rulesEngine } from '../../api/custom/rules/library.ts'
import { inside } from './subschemas.ts'

/**
 * The rules of a schema: what is said of them, and that they compile.
 * @see Source: apiextensions-apiserver pkg/apis/apiextensions/validation ValidateCustomResourceDefinitionOpenAPISchema.
 */
export const validateRules = (root: JsonSchema, path: string): readonly FieldError[] =>
  rulesAt(root, { path, isRoot: true, uncorrelated: undefined })

interface Place {
  readonly path: string
  readonly isRoot: boolean
  /** The list whose items nobody can find again among those that were there before. */
  readonly uncorrelated: string | undefined
}

function rulesAt(schema: JsonSchema, place: Place): readonly FieldError[] {
  const { path } = place
  const rules = schema['x-kubernetes-validations'] ?? []
  const at = (index: number): string => `${path}.x-kubernetes-validations[${index}]`
  const wording = rules.flatMap((rule, index) => validateWording(rule, schema, at(index)))
  return [
    ...wording,
    ...(wording.length === 0 && rules.length > 0 ? compileAll(schema, rules, place, at) : []),
    ...inside(schema, path).flatMap((inner) =>
      rulesAt(inner.schema, {
        path: inner.path,
        isRoot: false,
        uncorrelated: place.uncorrelated ?? (isUncorrelated(schema, inner.path, path) ? path : undefined),
      }),
    ),
  ]
}

const isUncorrelated = (schema: JsonSchema, innerPath: string, path: string): boolean =>
  innerPath === `${path}.items` && schema['x-kubernetes-list-type'] !== 'map'

const REASONS: readonly string[] = ['FieldValueDuplicate', 'FieldValueForbidden', 'FieldValueInvalid', 'FieldValueRequired']
const hasLineBreak = (text: string): boolean => /[\n\r]/.test(text)

function validateWording(source: ValidationRule, schema: JsonSchema, path: string): readonly FieldError[] {
  const { rule = '', message = '', messageExpression = '', reason, fieldPath = '' } = source
  const errors: FieldError[] = []
  if (rule.trim() === '') errors.push(required(`${path}.rule`, 'rule is not specified'))
  else if (message !== '' && message.trim() === '')
    errors.push(invalidValue(`${path}.message`, message, 'message must be non-empty if specified'))
  else if (hasLineBreak(message.trim())) errors.push(invalidValue(`${path}.message`, message, 'message must not contain line breaks'))
  else if (hasLineBreak(rule.trim()) && message.trim() === '')
    errors.push(required(`${path}.message`, 'message must be specified if rule contains line breaks'))
  if (messageExpression !== '' && messageExpression.trim() === '')
    errors.push(required(`${path}.messageExpression`, 'messageExpression must be non-empty if specified'))
  if (reason !== undefined && !REASONS.includes(reason)) errors.push(notSupported(`${path}.reason`, reason, REASONS))
  if (fieldPath === '') return errors
  if (fieldPath.trim() === '') errors.push(invalidValue(`${path}.fieldPath`, fieldPath, 'fieldPath must be non-empty if specified'))
  else if (hasLineBreak(fieldPath)) errors.push(invalidValue(`${path}.fieldPath`, fieldPath, 'fieldPath must not contain line breaks'))
  else {
    const found = resolveFieldPath(schema, fieldPath, { allowsLists: false })
    if (typeof found === 'string') errors.push(invalidValue(`${path}.fieldPath`, fieldPath, `fieldPath must be a valid path: ${found}`))
  }
  return errors
}

function compileAll(
  schema: JsonSchema,
  rules: readonly ValidationRule[],
  { isRoot, uncorrelated }: Place,
  at: (index: number) => string,
): readonly FieldError[] {
  const place = attempt(() => new (rulesEngine().RulePlace)(schema, isRoot))
  if (typeof place === 'string') return [invalidValue(`${at(0)}.rule`, rules[0], place)]
  return rules.flatMap((rule, index) => compileRule(place, rule, uncorrelated, at(index)))
}

function compileRule(place: RulePlace, source: ValidationRule, uncorrelated: string | undefined, path: string): readonly FieldError[] {
  const isOptional = source.optionalOldSelf === true
  const rule = attempt(() => place.compile(source.rule, 'bool', isOptional))
  if (typeof rule === 'string') return [invalidValue(`${path}.rule`, source, rule)]
  const message = source.messageExpression ? attempt(() => place.compile(source.messageExpression!, 'string', isOptional)) : undefined
  return [
    ...(rule.usesOldSelf && uncorrelated !== undefined
      ? [
          invalidValue(
            `${path}.rule`,
            source.rule,
            `oldSelf cannot be used on the uncorrelatable portion of the schema within ${uncorrelated}`,
          ),
        ]
      : []),
    ...(source.optionalOldSelf !== undefined && !rule.usesOldSelf
      ? [invalidValue(`${path}.optionalOldSelf`, source.optionalOldSelf, 'may not be set if oldSelf is not used in rule')]
      : []),
    ...(typeof message === 'string' ? [invalidValue(`${path}.messageExpression`, source, message)] : []),
  ]
}

/** What a compilation gave, or why there is nothing. */
function attempt<T extends RulePlace | Expression>(compile: () => T): T | string {
  try {
    return compile()
  } catch (error) {
    if (error instanceof rulesEngine().CompileError) return error.message
    throw error
  }
}
