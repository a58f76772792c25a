import { objectKey } from '@bramble/api/object'
import { forbidden, notFound } from '@bramble/api/status-error'
import type { ServiceAccount } from '@bramble/api/types/core'
import { isMirrorPod, type Pod, type PodSpec, type Volume } from '@bramble/api/types/pod'
import type { Env } from '@bramble/reconcile/env'
import type { ApiClient } from '../api/client.ts'
import { cleanCopy } from '../api/clean-copy.ts'
import { generatedName } from '../api/names.ts'
import type { AdmissionRequest, AdmissionStep } from '../api/requests.ts'
import { API_ACCESS, API_ACCESS_PREFIX } from '../resources/pod-spec/api-access.ts'
import { namedBy } from '../resources/pod-spec/named-by.ts'
import { serviceAccounts } from '../resources/service-account.ts'

const DEFAULT_ACCOUNT = 'default'
/** The default account of a namespace that was just made comes at once, but after it. */
const DEFAULT_TRIES_MAX = 10
const RETRY_MIN_MS = 100
const RETRY_SPREAD_MS = 100

const MOUNT_PATH = '/var/run/secrets/kubernetes.io/serviceaccount'

/**
 * A pod has a ServiceAccount that exists, its pull secrets, and in every container what it takes to use the API: a token, the
 * authority to check the server by, and the name of its namespace.
 * @see Source: Kubernetes plugin/pkg/admission/serviceaccount.
 */
export class ServiceAccountStep implements AdmissionStep {
  readonly name = 'ServiceAccount'
  readonly #reads: Pick<ApiClient, 'get'>
  readonly #env: Pick<Env, 'random' | 'clock'>

  constructor(reads: Pick<ApiClient, 'get'>, env: Pick<Env, 'random' | 'clock'>) {
    this.#reads = reads
    this.#env = env
  }

  admit({ operation, resource, subresource, object, context }: AdmissionRequest): void | Promise<void> {
    if (operation !== 'create' || subresource !== undefined || resource.group !== '' || resource.kind !== 'Pod') return
    const pod = object as Pod
    const refuse = (why: string): Error => forbidden(resource, pod.metadata.name, why)
    if (isMirrorPod(pod)) return demandNoSecrets(pod, refuse)
    pod.spec.serviceAccountName ||= DEFAULT_ACCOUNT
    const found = this.#find(pod)
    if (found) return this.#equip(pod, found)
    return this.#await(pod, context.dryRun).then((account) => {
      if (account) return this.#equip(pod, account)
      const { serviceAccountName: name } = pod.spec
      const { message } = notFound({ group: '', plural: 'serviceaccount' }, name!)
      throw refuse(`error looking up service account ${pod.metadata.namespace}/${name}: ${message}`)
    })
  }

  #find({ metadata, spec }: Pod): ServiceAccount | undefined {
    return this.#reads.get(serviceAccounts, objectKey(metadata.namespace, spec.serviceAccountName!))
  }

  async #await(pod: Pod, isDryRun: boolean): Promise<ServiceAccount | undefined> {
    const { clock, random } = this.#env
    const tries = pod.spec.serviceAccountName === DEFAULT_ACCOUNT && !isDryRun ? DEFAULT_TRIES_MAX : 1
    const intervalMs = RETRY_MIN_MS + RETRY_SPREAD_MS * random()
    for (let left = tries - 1; left > 0; left--) {
      await clock.sleep(intervalMs)
      const account = this.#find(pod)
      if (account) return account
    }
    return undefined
  }

  #equip({ spec }: Pod, account: ServiceAccount): void {
    if (spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true) this.#mountToken(spec)
    if (!spec.imagePullSecrets?.length && account.imagePullSecrets?.length)
      spec.imagePullSecrets = account.imagePullSecrets.map((secret) => ({ ...secret }))
  }

  #mountToken(spec: PodSpec): void {
    const containers = [...(spec.initContainers ?? []), ...spec.containers].filter(
      ({ volumeMounts }) => !volumeMounts?.some(({ mountPath }) => mountPath === MOUNT_PATH),
    )
    if (containers.length === 0) return
    const name = this.#freeName(spec.volumes ?? [])
    for (const container of containers)
      container.volumeMounts = [...(container.volumeMounts ?? []), { name, readOnly: true, mountPath: MOUNT_PATH }]
    spec.volumes = [...(spec.volumes ?? []), { name, projected: cleanCopy(API_ACCESS) }]
  }

  #freeName(volumes: readonly Volume[]): string {
    for (;;) {
      const name = generatedName(API_ACCESS_PREFIX, this.#env.random)
      if (!volumes.some((volume) => volume.name === name)) return name
    }
  }
}

/** The node runs a mirror pod whatever the API says of it: it must not need anything of the API. */
function demandNoSecrets(pod: Pod, refuse: (why: string) => Error): void {
  if (pod.spec.serviceAccountName) throw refuse('a mirror pod may not reference service accounts')
  if (namedBy(pod).some(({ kind }) => kind === 'Secret')) throw refuse('a mirror pod may not reference secrets')
  const hasToken = (pod.spec.volumes ?? []).some(({ projected }) => projected?.sources?.some((source) => source.serviceAccountToken))
  if (hasToken) throw refuse('a mirror pod may not use ServiceAccountToken volume projections')
}
