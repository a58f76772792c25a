import { badRequest } from './status-error.ts'

export interface FieldRequirement {
  readonly path: string
  readonly operator: '=' | '!='
  readonly value: string
}

/**
 * `spec.nodeName=n1,status.phase!=Failed`; an empty value is a value.
 *
 * @throws StatusError 400 when a term has no operator.
 * @see Source: apimachinery pkg/fields/selector.go ParseSelector.
 */
export function parseFieldSelector(text: string): readonly FieldRequirement[] {
  return text
    .split(/(?<!\\),/)
    .filter((term) => term !== '')
    .map((term) => {
      const match = /^(.*?)(==|!=|=)(.*)$/s.exec(term)
      if (!match) throw badRequest(`invalid selector: '${text}'; can't understand '${term}'`)
      return { path: match[1]!, operator: match[2] === '!=' ? '!=' : '=', value: match[3]!.replace(/\\([\\,=])/g, '$1') }
    })
}

/** @throws StatusError 400 when a requirement names a field that `fields` does not have. */
export const matchesFields = (fields: Readonly<Record<string, string>>, requirements: readonly FieldRequirement[]): boolean =>
  requirements.every(({ path, operator, value }) => {
    if (!Object.hasOwn(fields, path)) throw badRequest(`field label not supported: ${path}`)
    return (fields[path] === value) === (operator === '=')
  })
