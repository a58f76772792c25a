import { createHash } from 'node:crypto'
import type { JsonObject } from '@bramble/api/object'
import type { Registry } from '../../registry.ts'
import type { ResourceDefinition } from '../../resource.ts'
import { definitionsHash } from '../definitions.ts'
import { builderHash, type Document, type DocumentForm } from './document-folder.ts'
import { documentedKind } from './documented-kind.ts'
import { documentPath } from './documents.ts'

interface Current {
  readonly generation: number
  /** By their path: `api/v1`, `apis/apps/v1`. */
  readonly v3: ReadonlyMap<string, Document>
  readonly v2: Document
  readonly v2Protobuf: Document
}

/**
 * Which documents there are for the kinds that are served now. What they are made from, and by which program, decides their hash:
 * nothing is built to know it, and a newer Bramble serves none that an older one built.
 */
export class OpenApi {
  readonly #registry: Registry
  readonly #builder = builderHash()
  #current: Current | undefined

  constructor(registry: Registry) {
    this.#registry = registry
  }

  /** `GET /openapi/v3`: clients keep a document until its hash changes. */
  index(): JsonObject {
    const paths = [...this.#now().v3].map(([path, { hash }]) => [path, { serverRelativeURL: `/openapi/v3/${path}?hash=${hash}` }])
    return { paths: Object.fromEntries(paths) as JsonObject }
  }

  /** @param path Such as `apis/apps/v1`. */
  v3(path: string): Document | undefined {
    return this.#now().v3.get(path)
  }

  v2(form: 'v2' | 'v2-protobuf'): Document {
    return form === 'v2' ? this.#now().v2 : this.#now().v2Protobuf
  }

  all(): readonly Document[] {
    const { v3, v2, v2Protobuf } = this.#now()
    return [...v3.values(), v2, v2Protobuf]
  }

  #now(): Current {
    const { generation } = this.#registry
    if (this.#current?.generation !== generation) {
      const resources = this.#registry.all()
      const document = (form: DocumentForm, kinds: readonly ResourceDefinition[]): Document => documentOf(this.#builder, form, kinds)
      const groups = this.#registry.groupVersions().map((each): [string, Document] => [documentPath(each), document('v3', each.resources)])
      this.#current = { generation, v3: new Map(groups), v2: document('v2', resources), v2Protobuf: document('v2-protobuf', resources) }
    }
    return this.#current!
  }
}

function documentOf(builder: string, form: DocumentForm, resources: readonly ResourceDefinition[]): Document {
  const kinds = (): ReturnType<Document['kinds']> => resources.map(documentedKind)
  const hash = createHash('sha256').update(JSON.stringify([builder, form, definitionsHash(), kinds()]))
  return { form, kinds, hash: hash.digest('hex').toUpperCase() }
}
