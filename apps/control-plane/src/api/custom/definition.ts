import { isDeepStrictEqual } from 'node:util'
import { apiVersionOf, type JsonObject, type JsonValue, type KubeObject } from '@bramble/api/object'
import { StatusError } from '@bramble/api/status-error'
import type { CustomResourceDefinition, CustomResourceVersion, JsonSchema } from '@bramble/api/types/custom-resource-definition'
import type { ResourceDefinition, ScalePaths, StoredVersion } from '../resource.ts'
import { customColumns } from './columns.ts'
import { applySchemaDefaults } from './defaults.ts'
import { parseJsonPath } from './json-path.ts'
import { mergeSchema } from './merge-schema.ts'
import { openapiSchema } from './openapi.ts'
import { pruned, readCustomObject } from './prune.ts'
import { objectValidator } from './validate.ts'

/** What may change about a kind while its definitions stay. */
export interface CustomState {
  /** The CustomResourceDefinition is being deleted: nothing new may come. */
  isTerminating: boolean
}

/**
 * The kind that a CustomResourceDefinition defines, once per version that is served.
 *
 * Every version stores its objects through a twin that has the storage version's name and this version's rules: a write is
 * checked by the schema that the client knows.
 *
 * @param gone Aborts when these definitions are replaced by others.
 */
export function customDefinitions(crd: CustomResourceDefinition, state: CustomState, gone: AbortSignal): readonly ResourceDefinition[] {
  const storageVersion = crd.spec.versions.find(({ storage }) => storage)?.name
  if (storageVersion === undefined) return []
  return crd.spec.versions.filter(({ served }) => served).map((version) => definitionOf(crd, version, { storageVersion, state, gone }))
}

/** The objects of a definition as they are stored, whether or not anybody is served: to delete them. */
export function cleanupDefinition(crd: CustomResourceDefinition): ResourceDefinition {
  const storage = crd.spec.versions.find((version) => version.storage) ?? crd.spec.versions[0]!
  const context = { storageVersion: storage.name, state: { isTerminating: true }, gone: new AbortController().signal }
  return definitionOf(crd, storage, context).storage!.resource
}

interface Context {
  readonly storageVersion: string
  readonly state: CustomState
  readonly gone: AbortSignal
}

const EMPTY_SCHEMA: JsonSchema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }

function definitionOf(
  crd: CustomResourceDefinition,
  version: CustomResourceVersion,
  { storageVersion, state, gone }: Context,
): ResourceDefinition {
  const { group, scope } = crd.spec
  const names = crd.status?.acceptedNames?.plural ? crd.status.acceptedNames : crd.spec.names
  const schema = version.schema?.openAPIV3Schema ?? EMPTY_SCHEMA
  const scale = scaleOf(version)
  const selectable = selectableFields(version)
  const validate = objectValidator(schema, apiVersionOf(group, version.name))
  const deprecation = deprecationOf(crd, version)
  const own: ResourceDefinition = {
    group,
    version: version.name,
    kind: names.kind,
    listKind: names.listKind || `${names.kind}List`,
    plural: names.plural,
    singular: names.singular || names.kind.toLowerCase(),
    ...(names.shortNames && { shortNames: names.shortNames }),
    ...(names.categories && { categories: names.categories }),
    scope,
    durability: 'durable',
    ...(deprecation !== undefined && { deprecation }),
    schema: mergeSchema(schema),
    columns: customColumns(version.additionalPrinterColumns),
    subresources: { ...(version.subresources?.status && { status: true as const }), ...(scale && { scale }) },
    custom: {
      read: (body) => readCustomObject(schema, body),
      openapi: () => openapiSchema(schema),
      gone,
      countsStatus: version.subresources?.status === undefined,
    },
    applyDefaults: (draft) => applySchemaDefaults(schema, draft as unknown as JsonValue),
    ...(selectable.length > 0 && { fields: (object: KubeObject) => fieldsOf(object, selectable) }),
    prepare: (_draft, previous) => {
      if (state.isTerminating && !previous) throw terminating(group, names.plural)
    },
    validate,
  }
  const twin: ResourceDefinition = { ...own, version: storageVersion }
  return { ...own, storage: versionIn(twin, own, schema) }
}

/** Source: apiextensions-apiserver pkg/apiserver/customresource_handler.go ServeHTTP. */
const terminating = (group: string, kind: string): StatusError =>
  new StatusError(405, 'MethodNotAllowed', 'create not allowed while custom resource definition is terminating', { group, kind })

/** How objects of a version are stored, and shown: as its schema is now, though they were written under another. */
function versionIn(twin: ResourceDefinition, shownAs: ResourceDefinition, schema: JsonSchema): StoredVersion {
  const [stored, shown] = [twin, shownAs].map(({ group, version }) => apiVersionOf(group, version)) as [string, string]
  const known = new WeakMap<KubeObject, KubeObject>()
  return {
    resource: twin,
    toStored: (object) => (object.apiVersion === stored ? object : { ...object, apiVersion: stored }),
    fromStored: (object) => {
      const found = known.get(object) ?? show(object, shown, schema)
      known.set(object, found)
      return found
    },
  }
}

function show(object: KubeObject, apiVersion: string, schema: JsonSchema): KubeObject {
  const { metadata, ...rest } = object
  const content = pruned({ ...schema, 'x-kubernetes-embedded-resource': true }, { ...rest, apiVersion } as unknown as JsonObject)
  applySchemaDefaults(schema, content)
  const shown = { ...(content as unknown as Omit<KubeObject, 'metadata'>), metadata }
  return isDeepStrictEqual(shown, object) ? object : shown
}

function scaleOf({ subresources }: CustomResourceVersion): ScalePaths | undefined {
  if (!subresources?.scale) return undefined
  const { specReplicasPath, statusReplicasPath, labelSelectorPath = '' } = subresources.scale
  return { specReplicas: specReplicasPath, statusReplicas: statusReplicasPath, labelSelector: labelSelectorPath }
}

interface Selectable {
  /** `spec.color` */
  readonly name: string
  find(object: unknown): readonly unknown[]
}

const selectableFields = ({ selectableFields: fields = [] }: CustomResourceVersion): readonly Selectable[] =>
  fields.flatMap(({ jsonPath }) => {
    const path = parseJsonPath(jsonPath)
    return path ? [{ name: jsonPath.replace(/^\./, ''), find: (object: unknown) => path.find(object) }] : []
  })

const fieldsOf = (object: KubeObject, selectable: readonly Selectable[]): Readonly<Record<string, string>> =>
  Object.fromEntries(selectable.map(({ name, find }) => [name, String(find(object)[0] ?? '')]))

function deprecationOf({ spec }: CustomResourceDefinition, version: CustomResourceVersion): string | undefined {
  if (!version.deprecated) return undefined
  return version.deprecationWarning ?? `${spec.group}/${version.name} ${spec.names.kind} is deprecated`
}
