import { definitionOf, type DocumentedKind, type KindName } from './documented-kind.ts'
import { PATCH } from './well-known.ts'

export type Method = 'get' | 'post' | 'put' | 'patch' | 'delete'

/** One operation, before either version of OpenAPI writes it down. */
export interface Operation {
  readonly path: string
  readonly method: Method
  /** `list`, `get`, `post`, `put`, `patch`, `delete`, `deletecollection`, `connect`. */
  readonly action: string
  readonly id: string
  readonly description: string
  readonly tag: string
  /** Names of query parameters. */
  readonly parameters: readonly string[]
  /** Definitions of what is sent and of what comes back; undefined: a text. */
  readonly takes?: string
  readonly gives: string | undefined
  readonly code: 200 | 201
  readonly of: KindName
}

const WRITE = ['dryRun', 'fieldManager', 'fieldValidation']
const DELETE = ['dryRun', 'gracePeriodSeconds', 'orphanDependents', 'propagationPolicy']
const SELECT = ['labelSelector', 'fieldSelector', 'limit', 'continue', 'resourceVersion', 'resourceVersionMatch']
const WATCH = ['watch', 'timeoutSeconds', 'allowWatchBookmarks', 'sendInitialEvents']

interface Verb {
  readonly method: Method
  readonly action: string
  /** Of operation ids. */
  readonly word: string
  readonly parameters: readonly string[]
}
const VERBS: Readonly<Record<string, Verb>> = {
  list: { method: 'get', action: 'list', word: 'list', parameters: [...SELECT, ...WATCH] },
  get: { method: 'get', action: 'get', word: 'read', parameters: [] },
  create: { method: 'post', action: 'post', word: 'create', parameters: WRITE },
  update: { method: 'put', action: 'put', word: 'replace', parameters: WRITE },
  patch: { method: 'patch', action: 'patch', word: 'patch', parameters: [...WRITE, 'force'] },
  delete: { method: 'delete', action: 'delete', word: 'delete', parameters: DELETE },
  deletecollection: { method: 'delete', action: 'deletecollection', word: 'deleteCollection', parameters: [...DELETE, ...SELECT] },
}
const COLLECTION_VERBS = ['list', 'create', 'deletecollection']
const OBJECT_VERBS = ['get', 'update', 'patch', 'delete']
/** What answers with bytes, not with an object. */
const STREAMS = new Set(['log', 'exec', 'attach', 'portforward', 'proxy'])
const STATUS = 'io.k8s.apimachinery.pkg.apis.meta.v1.Status'
const DELETE_OPTIONS = 'io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions'

/** All that can be done with a kind, path by path. */
export function operationsOf(kind: DocumentedKind): readonly Operation[] {
  const base = basePath(kind)
  const collection = `${base}${kind.isNamespaced ? '/namespaces/{namespace}' : ''}/${kind.plural}`
  const offered = (verbs: readonly string[]): readonly string[] => verbs.filter((verb) => kind.verbs.includes(verb))
  return [
    ...offered(COLLECTION_VERBS).map((verb) => operation(kind, collection, verb)),
    ...offered(OBJECT_VERBS).map((verb) => operation(kind, `${collection}/{name}`, verb)),
    ...(kind.isNamespaced ? offered(['list']).map((verb) => everywhere(operation(kind, `${base}/${kind.plural}`, verb), kind)) : []),
    ...kind.subresources.flatMap((sub) => subresourceOperations(kind, `${collection}/{name}/${sub.name}`, sub)),
  ]
}

/** `/api/v1`, `/apis/apps/v1`. */
export const basePath = ({ group, version }: Pick<KindName, 'group' | 'version'>): string =>
  group === '' ? `/api/${version}` : `/apis/${group}/${version}`

function operation(kind: DocumentedKind, path: string, verb: string): Operation {
  const { method, action, word, parameters } = VERBS[verb]!
  const { group, version, kind: name, definition, isNamespaced, listKind } = kind
  const list = `${definition.slice(0, definition.lastIndexOf('.'))}.${listKind}`
  return {
    path,
    method,
    action,
    id: `${word}${titleOf(kind)}${isNamespaced ? 'Namespaced' : ''}${name}`,
    description: DESCRIPTIONS[verb]!(name),
    tag: tagOf(kind),
    parameters,
    ...takenBy(verb, definition),
    gives: verb === 'list' ? list : verb.startsWith('delete') ? STATUS : definition,
    code: verb === 'create' ? 201 : 200,
    of: { group, version, kind: name },
  }
}

const everywhere = (one: Operation, { kind }: DocumentedKind): Operation => ({
  ...one,
  id: one.id.replace(`Namespaced${kind}`, `${kind}ForAllNamespaces`),
})

type Subresource = DocumentedKind['subresources'][number]

function subresourceOperations(kind: DocumentedKind, path: string, subresource: Subresource): readonly Operation[] {
  const { name, verbs, kind: of, group, version } = subresource
  const isStream = STREAMS.has(name)
  const isOwn = of === kind.kind && group === kind.group && version === kind.version
  const definition = isStream ? undefined : isOwn ? kind.definition : definitionOf(subresource)
  const title = `${titleOf(kind)}${kind.isNamespaced ? 'Namespaced' : ''}${kind.kind}${capital(name)}`
  return verbs.flatMap((verb) => {
    const found = VERBS[verb]
    if (!found) return []
    const isConnect = isStream && name !== 'log'
    return {
      path,
      method: found.method,
      action: isConnect ? 'connect' : found.action,
      id: `${isConnect ? `connect${capital(found.method)}` : found.word}${title}`,
      description: `${isConnect ? `connect ${found.method.toUpperCase()} requests to ${name}` : `${found.word} ${name}`} of the specified ${kind.kind}`,
      tag: tagOf(kind),
      parameters: isStream ? [] : found.parameters,
      ...(isStream ? {} : takenBy(verb, definition)),
      gives: definition,
      code: verb === 'create' && !isConnect ? 201 : 200,
      of: { group, version, kind: of },
    }
  })
}

function takenBy(verb: string, definition: string | undefined): Pick<Operation, 'takes'> {
  if (verb === 'patch') return { takes: PATCH }
  if (verb.startsWith('delete')) return { takes: DELETE_OPTIONS }
  return (verb === 'create' || verb === 'update') && definition !== undefined ? { takes: definition } : {}
}

const DESCRIPTIONS: Readonly<Record<string, (kind: string) => string>> = {
  list: (kind) => `list or watch objects of kind ${kind}`,
  get: (kind) => `read the specified ${kind}`,
  create: (kind) => `create a ${kind}`,
  update: (kind) => `replace the specified ${kind}`,
  patch: (kind) => `partially update the specified ${kind}`,
  delete: (kind) => `delete a ${kind}`,
  deletecollection: (kind) => `delete collection of ${kind}`,
}

const capital = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1)
const wordsOf = ({ group }: KindName): readonly string[] => (group === '' ? ['core'] : group.replace(/\.k8s\.io$/, '').split('.'))
/** `AppsV1`, `RbacAuthorizationV1`. */
const titleOf = (kind: KindName): string => [...wordsOf(kind), kind.version].map(capital).join('')
/** `apps_v1`, `rbacAuthorization_v1`. */
const tagOf = (kind: KindName): string => {
  const [first, ...rest] = wordsOf(kind)
  return `${[first, ...rest.map(capital)].join('')}_${kind.version}`
}
