import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { CoreV1Api, KubeConfig, ListWatch, makeInformer, type V1ConfigMap, Watch } from '@kubernetes/client-node'
import { waitFor } from '../e2e/wait.ts'
import { type HollowFleet, hollowFleet } from '../sim/hollow-fleet.ts'

// Watches and informers of the JavaScript client.

const namespace = 'default'
const PATH = '/api/v1/namespaces/default/configmaps'
let fleet: HollowFleet
let config: KubeConfig
let core: CoreV1Api

before(async () => {
  fleet = await hollowFleet(0)
  config = new KubeConfig()
  config.loadFromFile(fleet.kubeconfig)
  core = config.makeApiClient(CoreV1Api)
})
after(() => fleet.stop())

const create = (name: string, labels: Record<string, string> = {}): Promise<V1ConfigMap> =>
  core.createNamespacedConfigMap({ namespace, body: { metadata: { name, labels }, data: {} } })
const replace = async (name: string, data: Record<string, string>): Promise<V1ConfigMap> => {
  const read = await core.readNamespacedConfigMap({ namespace, name })
  return core.replaceNamespacedConfigMap({ namespace, name, body: { ...read, data } })
}
const remove = (name: string) => core.deleteNamespacedConfigMap({ namespace, name })
const named = (name: string) => (object: V1ConfigMap) => object.metadata!.name === name

describe('an informer', () => {
  it('tells what there is, what comes, changes and goes, and keeps a copy', async () => {
    await create('old')
    const seen: string[] = []
    const informer = makeInformer(config, PATH, () => core.listNamespacedConfigMap({ namespace }))
    for (const verb of ['add', 'update', 'delete'] as const)
      informer.on(verb, (object: V1ConfigMap) => {
        if (object.metadata!.name !== 'kube-root-ca.crt') seen.push(`${verb} ${object.metadata!.name}`)
      })
    const errors: unknown[] = []
    informer.on('error', (error: unknown) => errors.push(error))
    await informer.start()
    try {
      await create('new')
      await replace('new', { a: '1' })
      await remove('old')
      await waitFor('four events', async () => seen.length === 4)
      assert.deepEqual(seen, ['add old', 'add new', 'update new', 'delete old'])
      assert.deepEqual(informer.get('new', namespace)!.data, { a: '1' })
      assert.equal(informer.get('old', namespace), undefined)
      assert.deepEqual(errors, [])
    } finally {
      await informer.stop()
    }
    await remove('new')
  })

  it('with a selector loses what no longer matches', async () => {
    await create('red', { color: 'red' })
    const list = () => core.listNamespacedConfigMap({ namespace, labelSelector: 'color=red' })
    const informer = new ListWatch<V1ConfigMap>(PATH, new Watch(config), list, false, 'color=red')
    const seen: string[] = []
    for (const verb of ['add', 'update', 'delete'] as const)
      informer.on(verb, (object: V1ConfigMap) => void seen.push(`${verb} ${object.metadata!.name}`))
    await informer.start()
    try {
      await create('blue', { color: 'blue' })
      for (const [name, color] of [
        ['red', 'blue'],
        ['blue', 'red'],
      ] as const) {
        const read = await core.readNamespacedConfigMap({ namespace, name })
        await core.replaceNamespacedConfigMap({ namespace, name, body: { ...read, metadata: { ...read.metadata, labels: { color } } } })
      }
      await waitFor('both changes', async () => seen.length === 3)
      assert.deepEqual(seen, ['add red', 'delete red', 'add blue'])
    } finally {
      await informer.stop()
    }
    await remove('red')
    await remove('blue')
  })
})

describe('a watch', () => {
  const open = async (query: Record<string, string | number | boolean>) => {
    const events: { type: string; object: V1ConfigMap }[] = []
    let ended: { readonly error: unknown } | undefined
    const abort = await new Watch(config).watch(
      PATH,
      query,
      (type, object: V1ConfigMap) => void events.push({ type, object }),
      (error: unknown) => {
        ended = { error }
      },
    )
    return { events, abort, ended: () => ended }
  }

  it('that asks for bookmarks gets one that ends the initial events, and one before it times out', async () => {
    await create('initial')
    const query = { sendInitialEvents: true, resourceVersionMatch: 'NotOlderThan', allowWatchBookmarks: true, timeoutSeconds: 1 }
    const watch = await open(query)
    await waitFor('its end', async () => watch.ended() !== undefined)
    assert.deepEqual(watch.ended(), { error: null })
    const bookmarks = watch.events.filter(({ type }) => type === 'BOOKMARK').map(({ object }) => object.metadata!)
    assert.equal(bookmarks[0]!.annotations!['k8s.io/initial-events-end'], 'true')
    assert.match(bookmarks.at(-1)!.resourceVersion!, /^\d+$/)
    const types = watch.events.map(({ type }) => type)
    assert.deepEqual(types.slice(0, types.indexOf('BOOKMARK')), Array(types.indexOf('BOOKMARK')).fill('ADDED'))
    assert.ok(watch.events.some(({ object }) => named('initial')(object)))
    await remove('initial')
  })

  it('that its client aborts ends, and the server goes on', async () => {
    const watch = await open({})
    watch.abort.abort()
    await waitFor('its end', async () => watch.ended() !== undefined)
    assert.equal((watch.ended()!.error as Error).name, 'AbortError')
    await create('after')
    await remove('after')
  })
})
