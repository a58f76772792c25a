import type { KubeObject, ObjectKey } from '@bramble/api/object'
import type { ServiceAccount } from '@bramble/api/types/core'
import type { Env } from '@bramble/reconcile/env'
import type { Reconciler } from '@bramble/reconcile/reconciler'
import type { ApiClient, ClientEvent } from '../api/client.ts'
import type { GroupVersion } from '../api/registry.ts'
import type { ResourceDefinition } from '../api/resource.ts'
import type { AgentReleases } from './agent-upgrade/release.ts'
import type { CertificateSigner } from './certificate-signing/signer.ts'
import type { EventRecorder } from './events.ts'

/** Which kinds there are: those of CustomResourceDefinitions come and go. The registry is one. */
export interface Kinds {
  /** Each kind of which the store holds objects, once. The same array until something changes. */
  stored(): readonly ResourceDefinition[]
  groupVersions(): readonly GroupVersion[]
  /** @returns Ends it. */
  onChange(listener: () => void): () => void
}

export interface ControllerDeps {
  readonly kinds: Kinds
  readonly client: ApiClient
  readonly env: Env
  readonly events: EventRecorder
  readonly settings: ControllerSettings
  /** Signs what Secrets of type `kubernetes.io/service-account-token` are to hold; without it they get no token. */
  readonly tokens?: { issueForSecret(account: ServiceAccount, secretName: string): Promise<string> }
  /** The cluster's authority; without it requests for certificates stay unsigned. */
  readonly certificates?: CertificateSigner
  /** What agents can be upgraded to; without it to nothing. */
  readonly agents?: AgentReleases
}

/** What an operator may set. */
export interface ControllerSettings {
  /** IPv4 network that is split into one block per node, e.g. 10.42.0.0/16. */
  readonly podNetwork: string
  /** Prefix length of a node's block, e.g. 24. */
  readonly nodePrefix: number
  /** How long a node may be silent before it counts as gone, milliseconds. */
  readonly nodeGraceMs: number
  /** PEM of the cluster's authority, which every namespace gets as ConfigMap kube-root-ca.crt. */
  readonly certificateAuthority?: string
}

/** Which keys of the primary kind a change of another kind wakes. */
export interface Wake<T extends KubeObject = KubeObject> {
  readonly resource: ResourceDefinition<T>
  keys(event: ClientEvent<T>, client: ApiClient): readonly ObjectKey[]
}

/** One loop. `manager.ts` runs it: a queue of primary keys, woken by the primary kind and by `wakes`. */
export interface ControllerDefinition {
  readonly name: string
  /** Who says what it records as Events, as Kubernetes names it. Default: `<name>-controller`. */
  readonly component?: string
  readonly primary: ResourceDefinition
  readonly wakes: readonly Wake[]
  /** Wakes it when an object of any kind that is stored changes, also of those that come later; undefined for kinds that do not concern it. */
  wakeOf?(resource: ResourceDefinition): Wake | undefined
  /** Which keys wake up when kinds come or go, and at the start. */
  keysOfKinds?(kinds: Kinds): readonly ObjectKey[]
  readonly concurrency: number
  create(deps: ControllerDeps): Reconciler<ObjectKey>
}

/** Wakes with its types kept inside. */
export const wake = <T extends KubeObject>(resource: ResourceDefinition<T>, keys: Wake<T>['keys']): Wake => ({ resource, keys }) as Wake
