import type { RoleBinding } from '@bramble/api/types/rbac'
import type { Column } from '../../api/resource.ts'
import { ageColumn, nameColumn } from '../columns.ts'

// Source: Kubernetes pkg/printers/internalversion printers.go.

export const roleColumns: readonly Column[] = [
  nameColumn,
  { name: 'Created At', type: 'date', value: ({ metadata }) => metadata.creationTimestamp ?? null },
]

export const bindingColumns: readonly Column<RoleBinding>[] = [
  nameColumn,
  { name: 'Role', type: 'string', value: ({ roleRef }) => `${roleRef.kind}/${roleRef.name}` },
  ageColumn,
  { name: 'Users', type: 'string', priority: 1, value: (binding) => subjectNames(binding, 'User') },
  { name: 'Groups', type: 'string', priority: 1, value: (binding) => subjectNames(binding, 'Group') },
  { name: 'ServiceAccounts', type: 'string', priority: 1, value: (binding) => subjectNames(binding, 'ServiceAccount') },
]

const subjectNames = ({ subjects = [] }: RoleBinding, kind: string): string =>
  subjects
    .filter((subject) => subject.kind === kind)
    .map(({ name, namespace = '' }) => (kind === 'ServiceAccount' ? `${namespace}/${name}` : name))
    .join(', ')
