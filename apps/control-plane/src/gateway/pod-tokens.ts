import { createHash } from 'node:crypto'
import { type KubeObject, objectKey, type ObjectKey } from '@bramble/api/object'
import type { ServiceAccount } from '@bramble/api/types/core'
import { isTerminal, type Pod } from '@bramble/api/types/pod'
import { ISSUER } from '../auth/service-account-claims.ts'
import type { TokenIssuer } from '../auth/service-account-tokens.ts'
import type { Find } from './assignment-index.ts'
import { digestOf, idOf, type Shown } from './assignments.ts'

export interface PodTokensDeps {
  /** The newest state of a Pod, a ServiceAccount or a Node. */
  readonly find: Find
  readonly tokens: TokenIssuer
  /** Epoch milliseconds. */
  readonly nowMs: () => number
}

/** One projected token of a pod. */
interface Wanted {
  /** `<volume>/<path>` */
  readonly file: string
  readonly audience: string
  readonly lifeSeconds: number
}

/** What admission asks for in every pod. Source: Kubernetes pkg/serviceaccount, WarnOnlyBoundTokenExpirationPeriod. */
const DEFAULT_SECONDS = 3607
const DEFAULT_LIFE_SECONDS = 24 * 3600
const LIFE_SECONDS_MIN = 600
const LIFE_SECONDS_MAX = 365 * 24 * 3600
/** A token is replaced when this much of its life is over. Source: kubelet pkg/kubelet/token token_manager.go. */
const ROTATION_SHARE = 0.8
/** Pods that were made together do not get theirs anew together: up to this part of the time between two is taken off. */
const JITTER_SHARE = 0.1

/**
 * The tokens that a node's pods mount, as objects for its assignment. Their digest says what they are for and which one in turn it is,
 * never how the text reads: a control plane that starts again makes no new ones for nodes that have theirs. The text is made when the
 * object is read, as it is sent, and kept nowhere.
 */
export class PodTokens {
  readonly #deps: PodTokensDeps
  /** When the next one of a pod is due, epoch milliseconds. */
  readonly #dueMs = new Map<ObjectKey, number>()
  readonly #accountOf = new Map<ObjectKey, ObjectKey>()
  readonly #podsOf = new Map<ObjectKey, Set<ObjectKey>>()

  constructor(deps: PodTokensDeps) {
    this.#deps = deps
  }

  /** The pod's tokens as its node shall have them now. @param pod Undefined when it is gone. @returns Undefined when it has none. */
  show(key: ObjectKey, pod: Pod | undefined): Shown | undefined {
    const wanted = pod?.spec.nodeName && !isTerminal(pod) ? wantedTokens(pod) : []
    this.#remember(key, pod && wanted.length > 0 ? accountKey(pod) : undefined)
    if (!pod || wanted.length === 0) return undefined
    const account = this.#deps.find('ServiceAccount', accountKey(pod))
    if (!account) return undefined
    const nowMs = this.#deps.nowMs()
    const turns = wanted.map(({ lifeSeconds }) => turnOf(pod, lifeSeconds, nowMs))
    this.#dueMs.set(key, Math.min(...turns.map(({ endsMs }) => endsMs)))
    const id = idOf('PodToken', key)
    const purpose = [pod.metadata.uid, account.metadata.uid, wanted, turns.map(({ number }) => number)]
    const make = (): KubeObject => this.#make(key, pod.metadata)
    return {
      id,
      digest: digestOf(id, purpose),
      get object() {
        return make()
      },
    }
  }

  /** Pods whose tokens are of this ServiceAccount. */
  podsOf(account: ObjectKey): readonly ObjectKey[] {
    return [...(this.#podsOf.get(account) ?? [])]
  }

  /** Pods that are to get new ones. */
  due(): readonly ObjectKey[] {
    const nowMs = this.#deps.nowMs()
    return [...this.#dueMs].filter(([, dueMs]) => dueMs <= nowMs).map(([key]) => key)
  }

  #make(key: ObjectKey, { name, namespace, uid, creationTimestamp }: Pod['metadata']): KubeObject {
    const { find, tokens } = this.#deps
    const pod = find('Pod', key) as Pod | undefined
    const account = pod && (find('ServiceAccount', accountKey(pod)) as ServiceAccount | undefined)
    const metadata = { name, ...(namespace !== undefined && { namespace }), uid, resourceVersion: '', creationTimestamp }
    const data: Record<string, string> = {}
    if (pod?.metadata.uid === uid && pod.spec.nodeName && account) {
      const nodeUid = find('Node', pod.spec.nodeName)?.metadata.uid
      const bound = { pod, node: { name: pod.spec.nodeName, ...(nodeUid !== undefined && { uid: nodeUid }) } }
      for (const { file, audience, lifeSeconds } of wantedTokens(pod)) data[file] = tokens.issue(account, bound, [audience], lifeSeconds)
    } // else something has changed that is told next
    return { apiVersion: 'link.bramble.dev/v1', kind: 'PodToken', metadata, data } as KubeObject
  }

  #remember(key: ObjectKey, account: ObjectKey | undefined): void {
    const before = this.#accountOf.get(key)
    this.#dueMs.delete(key)
    if (before === account) return
    if (before !== undefined) {
      const others = this.#podsOf.get(before)!
      others.delete(key)
      if (others.size === 0) this.#podsOf.delete(before)
      this.#accountOf.delete(key)
    }
    if (account === undefined) return
    this.#accountOf.set(key, account)
    this.#podsOf.set(account, (this.#podsOf.get(account) ?? new Set()).add(key))
  }
}

const accountKey = ({ metadata, spec }: Pod): ObjectKey => objectKey(metadata.namespace, spec.serviceAccountName ?? 'default')

/** Every token that a pod mounts, by the file that will hold it. */
export const wantedTokens = ({ spec }: Pod): readonly Wanted[] =>
  (spec.volumes ?? []).flatMap(({ name, projected }) =>
    (projected?.sources ?? []).flatMap(({ serviceAccountToken }) => {
      if (!serviceAccountToken) return []
      const { path, audience = ISSUER, expirationSeconds } = serviceAccountToken
      return [{ file: `${name}/${path}`, audience, lifeSeconds: lifeSeconds(expirationSeconds, audience === ISSUER) }]
    }),
  )

/** The default of admission is long, others are as they were asked for: see docs/decisions/0018-tokens-of-pods-live-a-day.md. */
function lifeSeconds(asked = 3600, isForApi: boolean): number {
  if (asked === DEFAULT_SECONDS && isForApi) return DEFAULT_LIFE_SECONDS
  return Math.min(Math.max(asked, LIFE_SECONDS_MIN), LIFE_SECONDS_MAX)
}

/** Which token in turn a pod shall have, counted from its creation, and when the next one's time comes. */
export function turnOf({ metadata }: Pod, life: number, nowMs: number): { readonly number: number; readonly endsMs: number } {
  const periodMs = life * 1000 * ROTATION_SHARE
  const startMs = Date.parse(metadata.creationTimestamp) - Math.floor(share(metadata.uid) * JITTER_SHARE * periodMs)
  const number = Math.floor((nowMs - startMs) / periodMs)
  return { number, endsMs: startMs + (number + 1) * periodMs }
}

/** From 0 to 1, always the same for one text. */
const share = (text: string): number => createHash('sha256').update(text).digest().readUInt32BE(0) / 2 ** 32
