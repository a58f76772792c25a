import { StatusError } from '@bramble/api/status-error'
import { type FieldSet, paths } from './field-set.ts'
import type { ManagedFieldsEntry } from './managers.ts'
import { formatPath } from './path-element.ts'

/**
 * What an apply is told that wants fields of others.
 * @see Source: apimachinery pkg/util/managedfields/internal/conflict.go.
 */
export function applyConflict(conflicts: ReadonlyMap<string, FieldSet>): StatusError {
  const each = [...conflicts.keys()].sort().map((identity) => ({
    who: showManager(JSON.parse(identity) as ManagedFieldsEntry),
    fields: [...paths(conflicts.get(identity)!)].map(formatPath),
  }))
  const causes = each.flatMap(({ who, fields }) =>
    fields.map((field) => ({ reason: 'FieldManagerConflict', message: `conflict with ${who}`, field })),
  )
  const what =
    causes.length === 1
      ? `1 conflict: conflict with ${each[0]!.who}: ${causes[0]!.field}`
      : `${causes.length} conflicts: ${each.map(({ who, fields }) => [`conflicts with ${who}:`, ...fields.map((field) => `- ${field}`)].join('\n')).join('\n')}`
  return new StatusError(409, 'Conflict', `Apply failed with ${what}`, { causes })
}

function showManager({ manager = '', operation, apiVersion, subresource }: ManagedFieldsEntry): string {
  const who = `${JSON.stringify(manager)}${subresource ? ` with subresource ${JSON.stringify(subresource)}` : ''}`
  return operation === 'Update' ? `${who} using ${apiVersion}` : who
}
