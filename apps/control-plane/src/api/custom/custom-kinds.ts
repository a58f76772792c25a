import { isConditionTrue } from '@bramble/api/conditions'
import type { CustomResourceDefinition } from '@bramble/api/types/custom-resource-definition'
import type { Env, Log } from '@bramble/reconcile/env'
import { prefixOf } from '../../store/keys.ts'
import type { StoreReads } from '../../store/store-types.ts'
import type { Registry } from '../registry.ts'
import type { ResourceDefinition } from '../resource.ts'
import { type CustomState, customDefinitions } from './definition.ts'
import { loadLibraries } from './libraries.ts'

/** How the store names CustomResourceDefinitions. */
const PREFIX = prefixOf({ group: 'apiextensions.k8s.io', plural: 'customresourcedefinitions' })

/** How long watches of a kind that has gone may still read what happened before. */
const WATCH_GRACE_MS = 100

interface Served {
  /** What the definitions were made from. */
  readonly stamp: string
  readonly state: CustomState
  readonly definitions: readonly ResourceDefinition[]
  readonly ended: AbortController
}

/**
 * Keeps the registry's custom kinds as the CustomResourceDefinitions in the store say, at every instant: who can read that
 * one is Established finds its kind served.
 *
 * Reads what there is at once; to be called before the first request. Follows for the store's life.
 */
export async function followCustomKinds(store: StoreReads, registry: Registry, { clock, log }: Env): Promise<void> {
  for (const { value } of store.list(PREFIX).entries) await loadLibraries(value)
  const served = new Map<string, Served>()
  const follow = (): void => {
    try {
      for (const { ended } of renew(served, store, registry, log)) void clock.sleep(WATCH_GRACE_MS).then(() => ended.abort())
    } catch (error) {
      log.error('the kinds of custom resource definitions stay as they were', { error })
    }
  }
  store.onChange(({ key }) => {
    if (key.startsWith(PREFIX)) follow()
  })
  follow()
}

/** @returns What was replaced. */
function renew(served: Map<string, Served>, store: StoreReads, registry: Registry, log: Log): readonly Served[] {
  const established = store
    .list(PREFIX)
    .entries.map(({ value }) => value as CustomResourceDefinition)
    .filter(({ status }) => isConditionTrue(status?.conditions, 'Established'))
    .sort(
      (a, b) => a.metadata.creationTimestamp.localeCompare(b.metadata.creationTimestamp) || (a.metadata.name < b.metadata.name ? -1 : 1),
    )
  const replaced: Served[] = []
  const seen = new Set<string>()
  let isChanged = false
  for (const crd of established) {
    const { uid } = crd.metadata
    seen.add(uid)
    const before = served.get(uid)
    if (before) before.state.isTerminating = crd.metadata.deletionTimestamp !== undefined
    if (before?.stamp === stampOf(crd)) continue
    if (before) replaced.push(before)
    served.set(uid, serve(crd))
    isChanged = true
  }
  for (const [uid, each] of [...served]) {
    if (seen.has(uid)) continue
    served.delete(uid)
    replaced.push(each)
    isChanged = true
  }
  if (!isChanged) return []
  const all = established.flatMap(({ metadata: { uid } }) => served.get(uid)?.definitions ?? [])
  registry.setCustom(withoutClashes(all, registry, log))
  return replaced
}

function serve(crd: CustomResourceDefinition): Served {
  const ended = new AbortController()
  const state: CustomState = { isTerminating: crd.metadata.deletionTimestamp !== undefined }
  return { stamp: stampOf(crd), state, definitions: customDefinitions(crd, state, ended.signal), ended }
}

const stampOf = ({ metadata, status }: CustomResourceDefinition): string =>
  JSON.stringify([metadata.generation, status?.acceptedNames ?? null])

/** Names are settled before a definition is Established; what slipped through must not take the others along. */
function withoutClashes(all: readonly ResourceDefinition[], registry: Registry, log: Log): readonly ResourceDefinition[] {
  const taken = new Set<string>()
  return all.filter(({ group, version, plural, kind }) => {
    const names = [`${group}/${version}/${plural}`, `${group}/${version} ${kind}`]
    const isTaken = registry.isBuiltIn(group, version, plural, kind) || names.some((name) => taken.has(name))
    if (isTaken) log.warn('a custom kind is not served: another has its name', { group, version, plural, kind })
    for (const name of names) taken.add(name)
    return !isTaken
  })
}
