import { CoreV1Api, type KubeConfig, ListWatch, type V1ConfigMap, Watch } from '@kubernetes/client-node'
import { waitFor } from '../e2e/wait.ts'

const AGAIN_MS = 50

/**
 * A controller as people write them with the JavaScript client: each ConfigMap labelled `mirror=yes` has a copy, `NAME-copy`, of
 * its data. It acts on what its informer tells, and starts the informer again when the connection breaks.
 */
export class MirrorController {
  /** What the informer told, in order: `add NAME value`. */
  readonly seen: string[] = []
  /** How often the connection broke. */
  breaks = 0
  readonly #core: CoreV1Api
  readonly #informer: ListWatch<V1ConfigMap>
  readonly #namespace: string
  #work: Promise<void> = Promise.resolve()
  #isStopped = false

  constructor(config: KubeConfig, namespace: string) {
    this.#core = config.makeApiClient(CoreV1Api)
    this.#namespace = namespace
    const labelSelector = 'mirror=yes'
    const list = () => this.#core.listNamespacedConfigMap({ namespace, labelSelector })
    this.#informer = new ListWatch(`/api/v1/namespaces/${namespace}/configmaps`, new Watch(config), list, false, labelSelector)
    for (const verb of ['add', 'update', 'delete'] as const)
      this.#informer.on(verb, (object: V1ConfigMap) => {
        this.seen.push(`${verb} ${object.metadata!.name} ${object.data?.['value'] ?? ''}`)
        this.#enqueue(object.metadata!.name!)
      })
    this.#informer.on('error', () => {
      this.breaks++
      setTimeout(() => {
        if (!this.#isStopped) void this.#informer.start()
      }, AGAIN_MS)
    })
  }

  /** The newest position that it knows. */
  get resourceVersion(): string {
    return this.#informer.latestResourceVersion()
  }

  start(): Promise<void> {
    return this.#informer.start()
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#informer.stop()
    await this.#work
  }

  #enqueue(name: string): void {
    this.#work = this.#work
      .then(() => waitFor(`the copy of ${name}`, () => this.#reconcile(name), { lookAgainMs: AGAIN_MS }))
      .then(() => {})
  }

  /** Makes the copy as the original is now; repeated until it succeeds. */
  async #reconcile(name: string): Promise<true> {
    if (this.#isStopped) return true
    const [namespace, copyName] = [this.#namespace, `${name}-copy`]
    const original = this.#informer.get(name, namespace)
    const copy = await this.#core.readNamespacedConfigMap({ namespace, name: copyName }).catch(ignoreNotFound)
    if (original === undefined) {
      if (copy !== undefined) await this.#core.deleteNamespacedConfigMap({ namespace, name: copyName }).catch(ignoreNotFound)
      return true
    }
    const body = { ...copy, metadata: { ...copy?.metadata, name: copyName, labels: { copy: 'yes' } }, data: { ...original.data } }
    if (copy === undefined) await this.#core.createNamespacedConfigMap({ namespace, body })
    else if (copy.data?.['value'] !== original.data?.['value'])
      await this.#core.replaceNamespacedConfigMap({ namespace, name: copyName, body })
    return true
  }
}

function ignoreNotFound(error: unknown): undefined {
  if ((error as { code?: number }).code !== 404) throw error
}
