import { nameProblems } from '../api/names.ts'

const PREFIX = 'system:serviceaccount:'
export const ACCOUNTS_GROUP = 'system:serviceaccounts'

/** How a ServiceAccount is called as a user. Source: k8s.io/apiserver pkg/authentication/serviceaccount util.go. */
export const accountUser = (namespace: string, name: string): string => `${PREFIX}${namespace}:${name}`

export const accountGroups = (namespace: string): readonly string[] => [ACCOUNTS_GROUP, `${ACCOUNTS_GROUP}:${namespace}`]

/** The ServiceAccount that a user name stands for; undefined when it is another's. */
export function accountOf(userName: string): { readonly namespace: string; readonly name: string } | undefined {
  if (!userName.startsWith(PREFIX)) return undefined
  const [namespace = '', name = '', ...more] = userName.slice(PREFIX.length).split(':')
  const isValid = more.length === 0 && nameProblems('label', namespace).length === 0 && nameProblems('subdomain', name).length === 0
  return isValid ? { namespace, name } : undefined
}
