import type { JsonObject } from '@bramble/api/object'
import { subresourcesOf, verbsOf } from '../../discovery.ts'
import type { ResourceDefinition } from '../../resource.ts'
import { hasDefinition } from '../definitions.ts'
import type { ObjectSchema } from '../object-schema.ts'

export interface KindName {
  readonly group: string
  readonly version: string
  readonly kind: string
}

/** What OpenAPI tells of one kind, as plain data: another process may work with it, and its text identifies it. */
export interface DocumentedKind extends KindName {
  readonly plural: string
  readonly listKind: string
  readonly isNamespaced: boolean
  readonly verbs: readonly string[]
  readonly subresources: readonly (KindName & { readonly name: string; readonly verbs: readonly string[] })[]
  /** Name of its definition. */
  readonly definition: string
  /** Of a kind whose definition is not among the generated ones: its shape … */
  readonly schema?: ObjectSchema
  /** … or its OpenAPI v3 schema. */
  readonly openapi?: JsonObject
}

export function documentedKind(resource: ResourceDefinition): DocumentedKind {
  const { group, version, kind, plural, listKind = `${kind}List`, scope, schema, custom } = resource
  return {
    group,
    version,
    kind,
    plural,
    listKind,
    isNamespaced: scope === 'Namespaced',
    verbs: verbsOf(resource),
    subresources: subresourcesOf(resource).map((each) => ({
      name: each.name,
      group: each.group,
      version: each.version,
      kind: each.kind,
      verbs: each.verbs,
    })),
    ...(custom
      ? { definition: ownDefinition(resource), openapi: custom.openapi() }
      : schema.type === 'ref'
        ? { definition: schema.ref }
        : { definition: ownDefinition(resource), schema }),
  }
}

/** Named like those of custom resources. Source: kube-openapi, ToRESTFriendlyName. */
const ownDefinition = ({ group, version, kind }: KindName): string => [...group.split('.').reverse(), version, kind].join('.')

/** The generated definition of a kind that is not served as a resource of its own: `Scale`, `Eviction`; undefined when there is none. */
export function definitionOf({ group, version, kind }: KindName): string | undefined {
  const name = `${group.split('.')[0] || 'core'}.${version}.${kind}`
  return [`io.k8s.api.${name}`, `io.k8s.apiextensions-apiserver.pkg.apis.${name}`].find(hasDefinition)
}
