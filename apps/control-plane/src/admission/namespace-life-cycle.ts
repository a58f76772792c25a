import { forbidden, StatusError } from '@bramble/api/status-error'
import type { ApiClient } from '../api/client.ts'
import type { AdmissionRequest, AdmissionStep } from '../api/requests.ts'
import { namespaces } from '../resources/namespace.ts'

/** Without these a cluster does not work. */
const IMMORTAL: ReadonlySet<string> = new Set(['default', 'kube-system', 'kube-public'])

/**
 * Nothing new in a namespace that is going away, or it would never be empty; and the cluster's own namespaces stay.
 * Whether the namespace of a new object exists has been looked at before.
 * @see Source: apiserver pkg/admission/plugin/namespace/lifecycle.
 */
export class NamespaceLifeCycle implements AdmissionStep {
  readonly name = 'NamespaceLifecycle'
  readonly #reads: Pick<ApiClient, 'get'>

  constructor(reads: Pick<ApiClient, 'get'>) {
    this.#reads = reads
  }

  admit({ operation, resource, object: { metadata } }: AdmissionRequest): void {
    if (operation === 'delete' && resource.group === '' && resource.kind === 'Namespace' && IMMORTAL.has(metadata.name))
      throw forbidden(resource, metadata.name, 'this namespace may not be deleted')
    if (operation !== 'create' || !metadata.namespace) return
    if (!this.#reads.get(namespaces, metadata.namespace)?.metadata.deletionTimestamp) return
    const why = `unable to create new content in namespace ${metadata.namespace} because it is being terminated`
    throw terminating(forbidden(resource, metadata.name, why), metadata.namespace)
  }
}

/** Controllers know by the cause that trying again is no use. */
const terminating = ({ code, reason, message, details }: StatusError, namespace: string): StatusError =>
  new StatusError(code, reason, message, {
    ...details,
    causes: [{ reason: 'NamespaceTerminating', message: `namespace ${namespace} is being terminated`, field: 'metadata.namespace' }],
  })
