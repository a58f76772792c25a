import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { CoreV1Api, KubeConfig, Watch } from '@kubernetes/client-node'
import { waitFor } from '../e2e/wait.ts'
import { ApiProgram } from './api-program.ts'
import { MirrorController } from './mirror-controller.ts'

// The control plane is killed in the middle of writes, three times; a controller of the JavaScript client lives on.

const namespace = 'default'
const KILLS = 3
const ROUNDS = 12

describe('a controller of the JavaScript client', () => {
  const program: Promise<ApiProgram> = ApiProgram.make()
  const config = new KubeConfig()
  let core: CoreV1Api
  let controller: MirrorController

  before(async () => {
    await (await program).start()
    config.loadFromFile((await program).kubeconfig)
    core = config.makeApiClient(CoreV1Api)
    controller = new MirrorController(config, namespace)
    await controller.start()
  })
  after(async () => {
    await controller.stop()
    await (await program).remove()
  })

  /** Values of what was promised to be stored; undefined for what was promised to be gone. */
  const promised = new Map<string, string | undefined>()

  /** Tries until the server says that it is done; a server that dies may have done it or not. */
  async function write(name: string, value: string | undefined): Promise<void> {
    await waitFor(`${name} to be written`, async () => {
      const old = await core.readNamespacedConfigMap({ namespace, name }).catch((error: { code?: number }) => {
        if (error.code !== 404) throw error
        return undefined
      })
      const body = { ...old, metadata: { ...old?.metadata, name, labels: { mirror: 'yes' } }, data: { value: value ?? '' } }
      if (value === undefined) {
        if (old !== undefined) await core.deleteNamespacedConfigMap({ namespace, name })
      } else if (old === undefined) await core.createNamespacedConfigMap({ namespace, body })
      else await core.replaceNamespacedConfigMap({ namespace, name, body })
      return true
    })
    promised.set(name, value)
  }

  it('misses nothing when the server is killed and starts again', async () => {
    for (let kill = 0; kill < KILLS; kill++) {
      for (let round = 0; round < ROUNDS; round++) await write(`map-${round}`, `${kill}.${round}`)
      const writing = Promise.all([write('busy', `${kill}`), write('map-0', undefined), write(`only-${kill}`, 'here')])
      await (await program).kill()
      await (await program).start()
      await writing
      await write('map-1', undefined)
    }
    const copies = async (): Promise<Record<string, string | undefined>> => {
      const { items } = await core.listNamespacedConfigMap({ namespace, labelSelector: 'copy=yes' })
      return Object.fromEntries(items.map(({ metadata, data }) => [metadata!.name!.replace(/-copy$/, ''), data?.['value']]).sort())
    }
    const wanted = Object.fromEntries([...promised].filter(([, value]) => value !== undefined).sort()) as Record<string, string>
    await waitFor('copies that equal their originals', async () => JSON.stringify(await copies()) === JSON.stringify(wanted), {
      explain: async () => JSON.stringify({ wanted, copies: await copies(), seen: controller.seen.slice(-20) }, undefined, 1),
    })
    assert.ok(controller.breaks >= KILLS, `the connection broke ${controller.breaks} times`)
  })

  it('was told of every object that came and of every one that went', () => {
    const told = (verb: string, name: string): boolean => controller.seen.some((line) => line.startsWith(`${verb} ${name} `))
    for (const [name, value] of promised) {
      assert.ok(told('add', name), `that ${name} came`)
      if (value === undefined) assert.ok(told('delete', name), `that ${name} went`)
      else
        assert.ok(
          controller.seen.includes(`add ${name} ${value}`) || controller.seen.includes(`update ${name} ${value}`),
          `${name} is ${value}`,
        )
    }
  })

  it('may go on from where it was: positions from before the restart are known or refused, never skipped', async () => {
    const { metadata } = await core.listNamespacedConfigMap({ namespace })
    await (await program).kill()
    await (await program).start()
    const events: { readonly type: string; readonly code: number | undefined; readonly name: string | undefined }[] = []
    const watchFrom = async (resourceVersion: string): Promise<AbortController> => {
      events.length = 0
      return new Watch(config).watch(
        `/api/v1/namespaces/${namespace}/configmaps`,
        { resourceVersion },
        (type, object: { code?: number; metadata?: { name?: string } }) =>
          void events.push({ type, code: object.code, name: object.metadata?.name }),
        () => {},
      )
    }
    const old = await watchFrom('1')
    await waitFor('the refusal of the first position', async () => events.length === 1)
    assert.deepEqual(events, [{ type: 'ERROR', code: 410, name: undefined }])
    old.abort()

    const recent = await watchFrom(metadata!.resourceVersion!)
    await write('next', 'one')
    await waitFor('the next event', async () => events.length > 0)
    const [first] = events
    assert.ok(first!.code === 410 || (first!.type === 'ADDED' && first!.name === 'next'), JSON.stringify(first))
    recent.abort()
  })
})
