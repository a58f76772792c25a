import { groupVersionOf, type ResourceDefinition } from './resource.ts'

export interface GroupVersion {
  /** '' for core. */
  readonly group: string
  readonly version: string
  readonly resources: readonly ResourceDefinition[]
}

/** Every kind that is served, found by path or by kind. */
export class Registry {
  readonly #byPath = new Map<string, ResourceDefinition>()
  readonly #byKind = new Map<string, ResourceDefinition>()

  /** @throws Error when two definitions claim one path or one kind. */
  constructor(definitions: Iterable<ResourceDefinition>) {
    for (const each of definitions) {
      addOnce(this.#byPath, `${groupVersionOf(each)}/${each.plural}`, each)
      addOnce(this.#byKind, `${groupVersionOf(each)}/${each.kind}`, each)
    }
  }

  /** In the order they were given. */
  all(): readonly ResourceDefinition[] {
    return [...this.#byPath.values()]
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

function addOnce(map: Map<string, ResourceDefinition>, key: string, definition: ResourceDefinition): void {
  if (map.has(key)) throw new Error(`${key} is registered twice`)
  map.set(key, definition)
}
