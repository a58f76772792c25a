import { badRequest } from './status-error.ts'

/** Source: meta/v1 LabelSelector. */
export interface LabelSelector {
  matchLabels?: Record<string, string>
  matchExpressions?: { key: string; operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist'; values?: string[] }[]
}

export type Labels = Readonly<Record<string, string>> | undefined

/** One requirement of a selector; all must hold. */
export interface LabelRequirement {
  readonly key: string
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist' | 'Gt' | 'Lt'
  readonly values: readonly string[]
}

/** Whether the labels fulfil every requirement. A missing key fulfils NotIn and DoesNotExist only. */
export const matchesRequirements = (labels: Labels, requirements: readonly LabelRequirement[]): boolean =>
  requirements.every((requirement) => matchesOne(labels, requirement))

function matchesOne(labels: Labels, { key, operator, values }: LabelRequirement): boolean {
  const value = labels !== undefined && Object.hasOwn(labels, key) ? labels[key] : undefined
  switch (operator) {
    case 'Exists':
      return value !== undefined
    case 'DoesNotExist':
      return value === undefined
    case 'In':
      return value !== undefined && values.includes(value)
    case 'NotIn':
      return value === undefined || !values.includes(value)
    case 'Gt':
      return isInteger(value) && Number(value) > Number(values[0])
    case 'Lt':
      return isInteger(value) && Number(value) < Number(values[0])
  }
}
const isInteger = (value: string | undefined): value is string => value !== undefined && /^-?\d+$/.test(value)

/** The requirements of a selector inside an object. An empty selector selects everything, `undefined` nothing. */
export const requirementsOf = (selector: LabelSelector): readonly LabelRequirement[] => [
  ...Object.entries(selector.matchLabels ?? {}).map(([key, value]): LabelRequirement => ({ key, operator: 'In', values: [value] })),
  ...(selector.matchExpressions ?? []).map(({ key, operator, values }): LabelRequirement => ({ key, operator, values: values ?? [] })),
]

/** Source: meta/v1 LabelSelectorAsSelector: no selector selects nothing. */
export const selects = (selector: LabelSelector | undefined, labels: Labels): boolean =>
  selector !== undefined && matchesRequirements(labels, requirementsOf(selector))

/** `a=b,c in (d,e)` as clients send and as `/scale` prints it. */
export const formatSelector = (selector: LabelSelector | undefined): string =>
  selector === undefined ? '<none>' : requirementsOf(selector).map(formatRequirement).join(',')

function formatRequirement({ key, operator, values }: LabelRequirement): string {
  if (operator === 'Exists') return key
  if (operator === 'DoesNotExist') return `!${key}`
  if (operator === 'In' && values.length === 1) return `${key}=${values[0]}`
  return `${key} ${operator === 'In' ? 'in' : 'notin'} (${[...values].sort().join(',')})`
}

const TOKEN = /\s*(!=|==|=|!|>|<|\(|\)|,|[^\s!=<>(),]+)/y

/**
 * A selector as clients write it: `app=web,tier!=db,env in (a, b),!legacy,gpu`.
 *
 * @throws StatusError 400 `unable to parse requirement: …` when it is none.
 * @see Source: apimachinery pkg/labels/selector.go, the grammar above `Parse`.
 */
export function parseLabelSelector(text: string): readonly LabelRequirement[] {
  const tokens = tokenize(text)
  const requirements: LabelRequirement[] = []
  let at = 0
  const fail = (expected: string): never => {
    throw badRequest(`unable to parse requirement: found '${tokens[at] ?? ''}', expected: ${expected}`)
  }
  const key = (): string => {
    const found = tokens[at]
    if (found === undefined || !/^[\w./-]+$/.test(found)) return fail('identifier')
    if (!isLabelKey(found)) throw badRequest(`unable to parse requirement: key: Invalid value: ${JSON.stringify(found)}: ${LABEL_KEY_RULE}`)
    at++
    return found
  }
  const value = (): string => {
    const found = tokens[at]
    if (found === undefined || found === ',' || found === ')') return ''
    if (!isLabelValue(found))
      throw badRequest(
        `unable to parse requirement: values[0][${requirements.length}]: Invalid value: ${JSON.stringify(found)}: ${LABEL_VALUE_RULE}`,
      )
    at++
    return found
  }
  const set = (): string[] => {
    if (tokens[at] !== '(') fail("'('")
    at++
    const values: string[] = []
    for (;;) {
      values.push(value())
      if (tokens[at] === ',') {
        at++
        continue
      }
      if (tokens[at] !== ')') fail("',' or ')'")
      at++
      return values
    }
  }
  while (at < tokens.length) {
    if (tokens[at] === '!') {
      at++
      requirements.push({ key: key(), operator: 'DoesNotExist', values: [] })
    } else {
      const name = key()
      const operator = tokens[at]
      if (operator === undefined || operator === ',') requirements.push({ key: name, operator: 'Exists', values: [] })
      else {
        at++
        if (operator === '=' || operator === '==') requirements.push({ key: name, operator: 'In', values: [value()] })
        else if (operator === '!=') requirements.push({ key: name, operator: 'NotIn', values: [value()] })
        else if (operator === 'in') requirements.push({ key: name, operator: 'In', values: set() })
        else if (operator === 'notin') requirements.push({ key: name, operator: 'NotIn', values: set() })
        else if (operator === '>' || operator === '<') {
          const bound = value()
          if (!isInteger(bound))
            throw badRequest(
              `unable to parse requirement: values[0][${name}]: Invalid value: ${JSON.stringify(bound)}: for 'Gt', 'Lt' operators, the value must be an integer`,
            )
          requirements.push({ key: name, operator: operator === '>' ? 'Gt' : 'Lt', values: [bound] })
        } else {
          at--
          fail('in, notin, =, ==, !=, gt, lt')
        }
      }
    }
    if (at === tokens.length) break
    if (tokens[at] !== ',') fail("',' or 'end of string'")
    at++
    if (at === tokens.length) fail("identifier after ','")
  }
  return requirements
}

function tokenize(text: string): string[] {
  const tokens: string[] = []
  const trimmed = text.trimEnd()
  TOKEN.lastIndex = 0
  while (TOKEN.lastIndex < trimmed.length) {
    const match = TOKEN.exec(trimmed)
    if (!match) throw badRequest(`unable to parse requirement: found '${trimmed.slice(0, 100)}', expected: a selector`)
    tokens.push(match[1]!)
  }
  return tokens
}

const NAME_PART = /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/
const DNS_SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/

export const LABEL_KEY_RULE =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
export const LABEL_VALUE_RULE =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"

/** `prefix/name` or `name`. Source: apimachinery pkg/util/validation IsQualifiedName. */
export function isLabelKey(key: string): boolean {
  const parts = key.split('/')
  if (parts.length > 2) return false
  const [name, prefix] = parts.length === 2 ? [parts[1]!, parts[0]!] : [parts[0]!, undefined]
  if (prefix !== undefined && (prefix.length > 253 || !DNS_SUBDOMAIN.test(prefix))) return false
  return name.length <= 63 && NAME_PART.test(name)
}

/** Source: apimachinery pkg/util/validation IsValidLabelValue. */
export const isLabelValue = (value: string): boolean => value === '' || (value.length <= 63 && NAME_PART.test(value))
