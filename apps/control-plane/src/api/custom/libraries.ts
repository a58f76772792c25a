import type { JsonValue } from '@bramble/api/object'
import { loadPatterns } from './patterns.ts'
import { loadRules } from './rules/library.ts'

/**
 * Loads what the schemas in a body need, if anything: engines for patterns and for rules are big, and most clusters have no
 * use for them.
 */
export async function loadLibraries(body: JsonValue | object): Promise<void> {
  const text = JSON.stringify(body)
  const hasRules = text.includes('x-kubernetes-validations')
  if (hasRules || text.includes('pattern')) await loadPatterns()
  if (hasRules) await loadRules()
}
