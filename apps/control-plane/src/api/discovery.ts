import { humanDuration } from '@bramble/api/duration'
import type { JsonObject, KubeObject } from '@bramble/api/object'
import type { GroupVersion } from './registry.ts'
import { groupVersionOf, type ResourceDefinition, type Verb } from './resource.ts'

// What clients ask before anything else: which groups, versions and kinds there are. Pure.
// Source: Kubernetes documentation, "The Kubernetes API", Discovery; meta/v1 and apidiscovery.k8s.io/v2 types.

const ALL_VERBS: readonly Verb[] = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch']
const SUBRESOURCE_VERBS = ['get', 'patch', 'update']

interface Scale extends KubeObject {
  spec?: { replicas?: number }
  status?: { replicas?: number }
}

/** `/scale` of any kind that has one. Source: autoscaling/v1 Scale. */
export const scaleResource: ResourceDefinition<Scale> = {
  group: 'autoscaling',
  version: 'v1',
  kind: 'Scale',
  plural: 'scales',
  scope: 'Namespaced',
  durability: 'volatile',
  schema: { type: 'ref', ref: 'io.k8s.api.autoscaling.v1.Scale' },
  columns: [
    { name: 'Name', type: 'string', format: 'name', value: ({ metadata }) => metadata.name },
    { name: 'Desired', type: 'integer', value: ({ spec }) => spec?.replicas ?? 0 },
    { name: 'Available', type: 'integer', value: ({ status }) => status?.replicas ?? 0 },
    { name: 'Age', type: 'string', value: ({ metadata }, nowMs) => humanDuration(nowMs - Date.parse(metadata.creationTimestamp)) },
  ],
}

export interface Subresource {
  readonly name: string
  readonly group: string
  readonly version: string
  readonly kind: string
  readonly verbs: readonly string[]
}

export function subresourcesOf({ group, version, kind, subresources = {} }: ResourceDefinition): readonly Subresource[] {
  const { group: scaleGroup, version: scaleVersion, kind: scaleKind } = scaleResource
  return [
    ...(subresources.named ?? []).map((named) => ({ group, version, ...named })),
    ...(subresources.scale ? [{ name: 'scale', group: scaleGroup, version: scaleVersion, kind: scaleKind, verbs: SUBRESOURCE_VERBS }] : []),
    ...(subresources.status ? [{ name: 'status', group, version, kind, verbs: SUBRESOURCE_VERBS }] : []),
  ]
}

export const verbsOf = ({ verbs = ALL_VERBS }: ResourceDefinition): readonly Verb[] => verbs
const singularOf = ({ singular, kind }: ResourceDefinition): string => singular ?? kind.toLowerCase()

/** `GET /api`. @param address `host:port` that the client used. */
export const apiVersions = (groupVersions: readonly GroupVersion[], address: string): JsonObject => ({
  kind: 'APIVersions',
  versions: groupVersions.filter(({ group }) => group === '').map(({ version }) => version),
  serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: address }],
})

/** `GET /apis`. */
export const apiGroupList = (groupVersions: readonly GroupVersion[]): JsonObject => ({
  kind: 'APIGroupList',
  apiVersion: 'v1',
  groups: [...versionsByGroup(groupVersions)].filter(([group]) => group !== '').map(([group, versions]) => groupEntry(group, versions)),
})

/** `GET /apis/G`; undefined when nothing is served there. */
export function apiGroup(groupVersions: readonly GroupVersion[], group: string): JsonObject | undefined {
  const versions = versionsByGroup(groupVersions).get(group)
  return versions && { kind: 'APIGroup', apiVersion: 'v1', ...groupEntry(group, versions) }
}

function groupEntry(group: string, versions: readonly GroupVersion[]): JsonObject {
  const entries = versions.map((each) => ({ groupVersion: groupVersionOf(each), version: each.version }))
  return { name: group, versions: entries, preferredVersion: entries[0]! }
}

/** `GET /api/v1`, `GET /apis/G/V`. */
export const apiResourceList = (groupVersion: GroupVersion): JsonObject => ({
  kind: 'APIResourceList',
  apiVersion: 'v1',
  groupVersion: groupVersionOf(groupVersion),
  resources: groupVersion.resources.flatMap((resource) => [
    resourceEntry(resource),
    ...subresourcesOf(resource).map((sub) => subresourceEntry(resource, sub)),
  ]),
})

const resourceEntry = (resource: ResourceDefinition): JsonObject => ({
  name: resource.plural,
  singularName: singularOf(resource),
  namespaced: resource.scope === 'Namespaced',
  kind: resource.kind,
  verbs: verbsOf(resource),
  ...names(resource),
})

const subresourceEntry = (resource: ResourceDefinition, { name, group, version, kind, verbs }: Subresource): JsonObject => ({
  name: `${resource.plural}/${name}`,
  singularName: '',
  namespaced: resource.scope === 'Namespaced',
  ...((group !== resource.group || version !== resource.version) && { group, version }),
  kind,
  verbs,
})

/** `GET /api` (core) or `GET /apis` (the others) in one answer. */
export const aggregatedDiscovery = (
  groupVersions: readonly GroupVersion[],
  part: 'core' | 'named',
  version: 'v2' | 'v2beta1',
): JsonObject => ({
  kind: 'APIGroupDiscoveryList',
  apiVersion: `apidiscovery.k8s.io/${version}`,
  metadata: {},
  items: [...versionsByGroup(groupVersions)]
    .filter(([group]) => (group === '') === (part === 'core'))
    .map(([group, versions]) => ({
      metadata: { name: group, creationTimestamp: null },
      versions: versions.map((each) => ({
        version: each.version,
        resources: each.resources.map(aggregatedResource),
        freshness: 'Current',
      })),
    })),
})

const aggregatedResource = (resource: ResourceDefinition): JsonObject => ({
  resource: resource.plural,
  responseKind: { group: resource.group, version: resource.version, kind: resource.kind },
  scope: resource.scope,
  singularResource: singularOf(resource),
  verbs: verbsOf(resource),
  ...names(resource),
  ...(subresourcesOf(resource).length > 0 && {
    subresources: subresourcesOf(resource).map(({ name, group, version, kind, verbs }) => ({
      subresource: name,
      responseKind: { group, version, kind },
      verbs,
    })),
  }),
})

const names = ({ shortNames, categories }: ResourceDefinition): JsonObject => ({
  ...(shortNames && { shortNames }),
  ...(categories && { categories }),
})

/** Groups in their order, each with its preferred version first. */
function versionsByGroup(groupVersions: readonly GroupVersion[]): ReadonlyMap<string, readonly GroupVersion[]> {
  const groups = Map.groupBy(groupVersions, ({ group }) => group)
  return new Map([...groups].map(([group, versions]) => [group, [...versions].sort((a, b) => compareVersions(a.version, b.version))]))
}

/**
 * Most preferred first: stable before beta before alpha, higher before lower.
 * @see Source: Kubernetes documentation, "Versions in CustomResourceDefinitions", Version priority.
 */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [rank(a), rank(b)]
  for (const [index, value] of left.entries()) if (value !== right[index]) return right[index]! - value
  return a < b ? -1 : a > b ? 1 : 0
}

function rank(version: string): readonly number[] {
  const match = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(version)
  if (!match) return [-1, 0, 0]
  return [match[2] === undefined ? 2 : match[2] === 'beta' ? 1 : 0, Number(match[1]), Number(match[3] ?? 0)]
}
