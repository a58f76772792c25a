// Pure: files as fixes leave them, and what was found as people and the API read it.
import type { NodeCondition } from '@bramble/api/types/node'
import type { Checked } from './all.ts'

/** In the first line that says anything: the kernel reads no other. */
export function withWords(text: string, words: readonly string[]): string {
  const lines = text.split('\n')
  const index = Math.max(
    0,
    lines.findIndex((line) => line.trim() !== ''),
  )
  const line = lines[index] ?? ''
  const missing = words.filter((word) => !line.split(/\s+/).includes(word))
  if (missing.length === 0) return text
  lines[index] = [line.trimEnd(), ...missing].filter((part) => part !== '').join(' ')
  return lines.join('\n')
}

export function withLines(text: string, lines: readonly string[]): string {
  const missing = lines.filter((line) => !text.split('\n').includes(line))
  if (missing.length === 0) return text
  return `${text === '' || text.endsWith('\n') ? text : `${text}\n`}${missing.join('\n')}\n`
}

/** One line for each check, and what to do below those that are not right. */
export function table(checked: readonly Checked[]): string {
  const width = Math.max(...checked.map(({ check }) => check.name.length))
  return checked
    .map(({ check, finding }) => {
      const head = `${finding.level.padEnd(4)}  ${check.name.padEnd(width)}  ${finding.message}\n`
      if (finding.level === 'ok' || finding.advice === undefined) return head
      return `${head}${' '.repeat(width + 8)}→ ${finding.advice}${finding.fix ? ' (--fix does it)' : ''}\n`
    })
    .join('')
}

/** Of a node: True is trouble. Checks without one of their own are told together. */
export function preflightConditions(checked: readonly Checked[]): readonly NodeCondition[] {
  const own = checked.flatMap(({ check: { condition }, finding }): readonly NodeCondition[] => {
    if (!condition) return []
    const isBad = finding.level === 'fail'
    return [
      {
        type: condition.type,
        status: isBad ? 'True' : 'False',
        reason: isBad ? condition.bad : condition.good,
        message: isBad ? finding.message : 'nothing is wrong',
      },
    ]
  })
  const failures = checked.filter(({ check, finding }) => !check.condition && finding.level === 'fail')
  const others: NodeCondition =
    failures.length > 0
      ? {
          type: 'PreflightFailed',
          status: 'True',
          reason: 'ChecksFailed',
          message: failures.map(({ check, finding }) => `${check.name}: ${finding.message}`).join('; '),
        }
      : { type: 'PreflightFailed', status: 'False', reason: 'ChecksPassed', message: 'this machine has what pods need' }
  return [...own, others]
}
