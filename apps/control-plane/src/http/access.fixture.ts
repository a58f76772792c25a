import type { TestContext } from 'node:test'
import type { ServiceAccount } from '@bramble/api/types/core'
import type { PolicyRule, RoleBinding } from '@bramble/api/types/rbac'
import type { UserInfo } from '../api/requests.ts'
import { ISSUER } from '../auth/service-account-claims.ts'
import { namespaces } from '../resources/namespace.ts'
import { roleBindings } from '../resources/role-bindings.ts'
import { roles } from '../resources/roles.ts'
import { serviceAccounts } from '../resources/service-account.ts'
import { ADMIN, testApi } from './http.fixture.ts'

export const PODS = '/api/v1/namespaces/a/pods'
export const TOKEN = '/api/v1/namespaces/a/serviceaccounts/robot/token'
export const aUser = (name: string, ...groups: string[]): UserInfo => ({ name, groups: [...groups, 'system:authenticated'] })

/** The API with the roles of every cluster, namespaces `a` and `b` and a ServiceAccount `robot` in `a`. */
export async function accessApi(t: TestContext) {
  let user: UserInfo | undefined
  const api = await testApi({ identify: () => user })
  t.after(() => api.store.close())
  const { call, client, tokens } = api
  for (const name of ['a', 'b', 'default']) await client.create(namespaces, { metadata: { name } })
  const robot = await client.create<ServiceAccount>(serviceAccounts, { metadata: { name: 'robot', namespace: 'a' } })
  const as = (who: UserInfo | undefined, ...request: Parameters<typeof call>): ReturnType<typeof call> => {
    user = who
    return call(...request)
  }
  return {
    ...api,
    robot,
    as,
    asAdmin: (...request: Parameters<typeof call>) => as(ADMIN, ...request),
    token: (audiences: readonly string[] = [ISSUER]) => tokens.issue(robot, {}, audiences, 3_600),
    /** Asks with a bearer token. */
    asBearer: (token: string, method: string, path: string, body?: unknown) =>
      as(undefined, method, path, body, { authorization: `Bearer ${token}` }),
    /** Gives rules in a namespace to a user. */
    allow: async (namespace: string, userName: string, ...rules: PolicyRule[]) => {
      const name = `${userName.replaceAll(':', '-')}-${client.list(roles).length}`
      await client.create(roles, { metadata: { name, namespace }, rules })
      const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name }
      const subjects = [{ kind: 'User', apiGroup: roleRef.apiGroup, name: userName }]
      await client.create<RoleBinding>(roleBindings, { metadata: { name, namespace }, roleRef, subjects })
    },
  }
}
