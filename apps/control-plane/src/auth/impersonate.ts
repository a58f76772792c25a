import { badRequest } from '@bramble/api/status-error'
import type { UserInfo } from '../api/requests.ts'
import { accountGroups, accountOf, accountUser } from './account-names.ts'
import { ANONYMOUS, AUTHENTICATED_GROUP, UNAUTHENTICATED_GROUP } from './authenticate.ts'
import type { ResourceAttributes } from './attributes.ts'
import type { Authorizer } from './authorizer.ts'

const USER = 'impersonate-user'
const GROUP = 'impersonate-group'
const UID = 'impersonate-uid'
const EXTRA = 'impersonate-extra-'
const AUTHENTICATION_GROUP = 'authentication.k8s.io'

/** One thing that somebody wants to be taken for. Source: core/v1 ObjectReference, as kube-apiserver keeps it. */
interface Wanted {
  readonly kind: 'ServiceAccount' | 'User' | 'Group' | 'UserExtra' | 'UID'
  readonly namespace?: string
  readonly name: string
  /** Of a UserExtra. */
  readonly key?: string
}

/**
 * Whom a request is to be taken for: the one who asks, unless its `Impersonate-…` headers name another and the one who asks
 * may impersonate each part of that.
 *
 * @param headers As they came, each value for itself.
 * @throws StatusError 400 for groups and the like without a user, 403.
 * @see Source: Kubernetes documentation, "User Impersonation"; k8s.io/apiserver pkg/endpoints/filters/impersonation.
 */
export function impersonated(user: UserInfo, headers: Iterable<readonly [name: string, value: string]>, authorizer: Authorizer): UserInfo {
  const wanted = wantedParts(headers)
  if (wanted.length === 0) return user
  if (!wanted.some(({ kind }) => kind === 'User' || kind === 'ServiceAccount'))
    throw badRequest(`requested [${wanted.map(goText).join(' ')}] without impersonating a user`)
  for (const part of wanted) authorizer.demand(user, attributesOf(part))
  return userOf(wanted)
}

function wantedParts(headers: Iterable<readonly [name: string, value: string]>): readonly Wanted[] {
  const users: Wanted[] = []
  const rest: Wanted[] = []
  const uids: Wanted[] = []
  for (const [header, value] of headers) {
    const name = header.toLowerCase()
    if (!name.startsWith('impersonate-')) continue
    if (name === USER && value !== '' && users.length === 0) {
      const account = accountOf(value)
      users.push(account ? { kind: 'ServiceAccount', ...account } : { kind: 'User', name: value })
    } else if (name === GROUP) rest.push({ kind: 'Group', name: value })
    else if (name === UID && value !== '' && uids.length === 0) uids.push({ kind: 'UID', name: value })
    else if (name.startsWith(EXTRA)) rest.push({ kind: 'UserExtra', name: value, key: unescaped(name.slice(EXTRA.length)) })
  }
  const groupsFirst = [...rest].sort((a, b) => Number(b.kind === 'Group') - Number(a.kind === 'Group'))
  return [...users, ...groupsFirst, ...uids]
}

function unescaped(key: string): string {
  try {
    return decodeURIComponent(key)
  } catch {
    return key
  }
}

function attributesOf({ kind, namespace, name, key }: Wanted): ResourceAttributes {
  const verb = 'impersonate'
  switch (kind) {
    case 'ServiceAccount':
      return { type: 'resource', verb, group: '', plural: 'serviceaccounts', namespace: namespace!, name }
    case 'User':
      return { type: 'resource', verb, group: '', plural: 'users', name }
    case 'Group':
      return { type: 'resource', verb, group: '', plural: 'groups', name }
    case 'UserExtra':
      return { type: 'resource', verb, group: AUTHENTICATION_GROUP, plural: 'userextras', subresource: key!, name }
    case 'UID':
      return { type: 'resource', verb, group: AUTHENTICATION_GROUP, plural: 'uids', name }
  }
}

function userOf(wanted: readonly Wanted[]): UserInfo {
  const [who] = wanted
  const named = wanted.filter(({ kind }) => kind === 'Group').map(({ name }) => name)
  const isAccount = who!.kind === 'ServiceAccount'
  const name = isAccount ? accountUser(who!.namespace!, who!.name) : who!.name
  const uid = wanted.find(({ kind }) => kind === 'UID')?.name
  const extra: Record<string, string[]> = Object.create(null)
  for (const { kind, key, name: value } of wanted) if (kind === 'UserExtra') extra[key!] = [...(extra[key!] ?? []), value]
  return {
    name,
    ...(uid !== undefined && { uid }),
    groups: withStanding(name, named.length === 0 && isAccount ? accountGroups(who!.namespace!) : named),
    ...(Object.keys(extra).length > 0 && { extra: { ...extra } }),
  }
}

/** Everybody is either authenticated or not, and a member of the group that says so. */
function withStanding(name: string, groups: readonly string[]): readonly string[] {
  if (groups.includes(UNAUTHENTICATED_GROUP)) return groups
  if (name === ANONYMOUS.name) return [...groups, UNAUTHENTICATED_GROUP]
  return groups.includes(AUTHENTICATED_GROUP) ? groups : [...groups, AUTHENTICATED_GROUP]
}

/** How Go prints an ObjectReference: its fields in order, those without a value as nothing. */
function goText({ kind, name, namespace = '', key = '' }: Wanted): string {
  const version = kind === 'UserExtra' || kind === 'UID' ? `${AUTHENTICATION_GROUP}/v1` : ''
  return `{${[kind, namespace, name, '', version, '', key].join(' ')}}`
}
