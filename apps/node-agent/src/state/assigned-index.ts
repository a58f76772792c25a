import { type KubeObject, objectKey } from '@bramble/api/object'
import type { ConfigMap, Secret } from '@bramble/api/types/core'
import type { Node } from '@bramble/api/types/node'
import type { NodeConfig } from '@bramble/api/types/node-config'
import type { Pod } from '@bramble/api/types/pod'
import type { EndpointSlice, Service } from '@bramble/api/types/service'
import type { CsiDriver } from '@bramble/api/types/storage'
import type { PersistentVolume, PersistentVolumeClaim } from '@bramble/api/types/volume'
import type { Assigned } from '@bramble/link/assignment'

/** What this node was assigned, by kind and name. Replaced as a whole; nobody changes the objects. */
export class AssignedIndex {
  #assigned: Assigned | undefined
  readonly #byKind = new Map<string, readonly KubeObject[]>()

  get assigned(): Assigned | undefined {
    return this.#assigned
  }

  set(assigned: Assigned): void {
    this.#assigned = assigned
    this.#byKind.clear()
  }

  pods(): readonly Pod[] {
    return this.#all<Pod>('Pod')
  }
  nodes(): readonly Node[] {
    return this.#all<Node>('Node')
  }
  services(): readonly Service[] {
    return this.#all<Service>('Service')
  }
  slices(): readonly EndpointSlice[] {
    return this.#all<EndpointSlice>('EndpointSlice')
  }
  persistentVolumes(): readonly PersistentVolume[] {
    return this.#all<PersistentVolume>('PersistentVolume')
  }
  configMap(namespace: string, name: string): ConfigMap | undefined {
    return this.#assigned?.objects.get(`ConfigMap ${objectKey(namespace, name)}`) as ConfigMap | undefined
  }
  secret(namespace: string, name: string): Secret | undefined {
    return this.#assigned?.objects.get(`Secret ${objectKey(namespace, name)}`) as Secret | undefined
  }
  persistentVolumeClaim(namespace: string, name: string): PersistentVolumeClaim | undefined {
    return this.#assigned?.objects.get(`PersistentVolumeClaim ${objectKey(namespace, name)}`) as PersistentVolumeClaim | undefined
  }
  persistentVolume(name: string): PersistentVolume | undefined {
    return this.#assigned?.objects.get(`PersistentVolume ${name}`) as PersistentVolume | undefined
  }
  csiDriver(name: string): CsiDriver | undefined {
    return this.#assigned?.objects.get(`CSIDriver ${name}`) as CsiDriver | undefined
  }
  podTokens(namespace: string, podName: string): Readonly<Record<string, string>> | undefined {
    return (this.#assigned?.objects.get(`PodToken ${objectKey(namespace, podName)}`) as Secret | undefined)?.data
  }

  nodeConfig(name: string): NodeConfig | undefined {
    return this.#assigned?.objects.get(`NodeConfig ${name}`) as NodeConfig | undefined
  }

  #all<T extends KubeObject>(kind: string): readonly T[] {
    const known = this.#byKind.get(kind) ?? [...(this.#assigned?.objects.values() ?? [])].filter((object) => object.kind === kind)
    this.#byKind.set(kind, known)
    return known as readonly T[]
  }
}
