import { groupVersionOf, type ResourceDefinition } from './resource.ts'

export interface GroupVersion {
  /** '' for core. */
  readonly group: string
  readonly version: string
  readonly resources: readonly ResourceDefinition[]
}

/** Every kind that is served, found by path or by kind: those that are built in, and those of CustomResourceDefinitions. */
export class Registry {
  readonly #builtIn: readonly ResourceDefinition[]
  #byPath: ReadonlyMap<string, ResourceDefinition>
  #byKind: ReadonlyMap<string, ResourceDefinition>
  #generation = 1

  /** @throws Error when two definitions claim one path or one kind. */
  constructor(builtIn: Iterable<ResourceDefinition>) {
    this.#builtIn = [...builtIn]
    this.#byPath = indexed(this.#builtIn, ({ plural }) => plural)
    this.#byKind = indexed(this.#builtIn, ({ kind }) => kind)
  }

  /**
   * Puts the kinds that CustomResourceDefinitions define in the place of those they defined before.
   * @throws Error when two definitions claim one path or one kind; nothing has changed then.
   */
  setCustom(custom: readonly ResourceDefinition[]): void {
    const all = [...this.#builtIn, ...custom]
    const byPath = indexed(all, ({ plural }) => plural)
    this.#byKind = indexed(all, ({ kind }) => kind)
    this.#byPath = byPath
    this.#generation++
  }

  /** Grows with every change: what is derived from the kinds is made anew when it differs. */
  get generation(): number {
    return this.#generation
  }

  /** In the order they were given. */
  all(): readonly ResourceDefinition[] {
    return [...this.#byPath.values()]
  }

  /** The kinds of which the store holds objects, each once: no other served versions, no reviews. */
  stored(): readonly ResourceDefinition[] {
    return this.all().filter(({ storage, verbs }) => storage === undefined && (verbs === undefined || verbs.includes('list')))
  }

  find(group: string, version: string, plural: string): ResourceDefinition | undefined {
    return this.#byPath.get(`${groupVersionOf({ group, version })}/${plural}`)
  }

  findKind(group: string, version: string, kind: string): ResourceDefinition | undefined {
    return this.#byKind.get(`${groupVersionOf({ group, version })}/${kind}`)
  }

  /** @param apiVersion As objects carry it: `v1`, `apps/v1`. */
  findApiVersionKind(apiVersion: string, kind: string): ResourceDefinition | undefined {
    return this.#byKind.get(`${apiVersion}/${kind}`)
  }

  /** Core first, then in the order they were given. */
  groupVersions(): readonly GroupVersion[] {
    const found = Map.groupBy(this.all(), groupVersionOf)
    return [...found.values()]
      .map((resources) => ({ group: resources[0]!.group, version: resources[0]!.version, resources }))
      .sort((a, b) => Number(b.group === '') - Number(a.group === ''))
  }
}

function indexed(
  definitions: readonly ResourceDefinition[],
  nameOf: (definition: ResourceDefinition) => string,
): ReadonlyMap<string, ResourceDefinition> {
  const index = new Map<string, ResourceDefinition>()
  for (const each of definitions) {
    const key = `${groupVersionOf(each)}/${nameOf(each)}`
    if (index.has(key)) throw new Error(`${key} is registered twice`)
    index.set(key, each)
  }
  return index
}
