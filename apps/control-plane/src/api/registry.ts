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
  #stored: { readonly generation: number; readonly kinds: readonly ResourceDefinition[] } | undefined
  readonly #listeners = new Set<() => void>()

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
    for (const listener of [...this.#listeners]) listener()
  }

  /** Calls `listener` after each change of the kinds. @returns Ends it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Whether a kind that is built in has this path, or this name in its group and version. */
  isBuiltIn(group: string, version: string, plural: string, kind: string): boolean {
    return this.#builtIn.some((one) => one.group === group && one.version === version && (one.plural === plural || one.kind === kind))
  }

  /** Grows with every change: what is derived from the kinds is made anew when it differs. */
  get generation(): number {
    return this.#generation
  }

  /** In the order they were given. */
  all(): readonly ResourceDefinition[] {
    return [...this.#byPath.values()]
  }

  /** The kinds of which the store holds objects, each once, as they are stored: no other served versions, no reviews. */
  stored(): readonly ResourceDefinition[] {
    if (this.#stored?.generation === this.#generation) return this.#stored.kinds
    const listed = this.all().filter(({ verbs }) => verbs === undefined || verbs.includes('list'))
    const kinds = new Map(listed.filter(({ storage }) => storage === undefined).map((kind) => [storedName(kind), kind]))
    for (const { storage } of listed)
      if (storage && !kinds.has(storedName(storage.resource))) kinds.set(storedName(storage.resource), storage.resource)
    this.#stored = { generation: this.#generation, kinds: [...kinds.values()] }
    return this.#stored.kinds
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

const storedName = ({ group, plural }: ResourceDefinition): string => `${group}/${plural}`

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
