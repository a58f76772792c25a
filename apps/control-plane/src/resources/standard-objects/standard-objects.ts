import type { ApiClient } from '../../api/client.ts'
import { namespaces } from '../namespace.ts'
import { ensureApiService } from './api-service.ts'
import { ensureClusterRoleBindings } from './cluster-role-bindings.ts'
import { ensureClusterRoles } from './cluster-roles.ts'
import { ensureAsWanted } from './ensure.ts'
import { ensureFlowControl } from './flow-control.ts'
import { standardNamespaces } from './namespaces.ts'
import { ensurePriorityClasses } from './priority-classes.ts'
import { ensureServiceCidr } from './service-cidr.ts'
import type { StandardSettings } from './standard-settings.ts'
import { ensureStorageClass } from './storage-class.ts'

/**
 * Makes the objects that every cluster has, and brings those of an earlier start up to date. Safe to repeat.
 *
 * @throws StatusError when the API refuses, e.g. because the service network was changed to one without the address that
 * the Service `kubernetes` has.
 */
export async function ensureStandardObjects(client: ApiClient, settings: StandardSettings): Promise<void> {
  for (const namespace of standardNamespaces()) await ensureAsWanted(client, namespaces, namespace)
  await ensureClusterRoles(client)
  await ensureClusterRoleBindings(client)
  await ensurePriorityClasses(client)
  await ensureStorageClass(client)
  await ensureFlowControl(client)
  await ensureServiceCidr(client, settings)
  await ensureApiService(client, settings)
}
