import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, it, type TestContext } from 'node:test'
import { systemClock } from '@bramble/reconcile/env'
import { silentLog } from '@bramble/reconcile/log'
import { insidePrivateHost, privateHostTest } from '../host/private-host.ts'
import { CniNetwork } from '../network/pod-network/cni-network.ts'
import { openEveryRuntime, openRuntime } from './all.ts'
import { Containerd } from './cri/containerd.fixture.ts'

const PARTS = { clock: systemClock, log: silentLog, network: new CniNetwork() }
let containerd: Containerd

if (insidePrivateHost()) {
  before(async () => {
    containerd = await Containerd.temporary()
    await containerd.start()
  })
  after(() => containerd.remove())
  tests()
} else privateHostTest(import.meta.filename)

function tests(): void {
  it('auto takes Podman where it is installed', async (t) => {
    const memory = await aFile(t)
    assert.equal((await openRuntime('auto', PARTS, memory)).name, 'podman')
    assert.equal(await readFile(memory, 'utf8'), 'podman\n')
  })

  it('auto takes containerd where Podman is not, and keeps to it when Podman is installed later', async (t) => {
    const memory = await aFile(t)
    assert.equal(await withoutPrograms(t, async () => opened('auto', t, memory)), 'containerd')
    assert.equal(await opened('auto', t, memory), 'containerd')
    await rm(memory)
    assert.equal((await openRuntime('auto', PARTS, memory)).name, 'podman')
  })

  it('auto takes another runtime when the one of before is no more', async (t) => {
    const memory = await aFile(t)
    await writeFile(memory, 'unix:///run/crio/crio.sock\n')
    assert.equal((await openRuntime('auto', PARTS, memory)).name, 'podman')
  })

  it('auto without any runtime says how to get one, and keeps nothing in mind', async (t) => {
    const memory = await aFile(t)
    await containerd.kill()
    await rm(containerd.socketPath)
    const { ready, reason } = await withoutPrograms(t, async () => (await openRuntime('auto', PARTS, memory)).status())
    assert.deepEqual([ready, /apt-get install/.test(reason ?? '')], [false, true])
    await assert.rejects(readFile(memory), { code: 'ENOENT' })
    await containerd.start()
  })

  it('a socket of any runtime that speaks CRI will do', async (t) => {
    assert.equal(await opened(`unix://${containerd.socketPath}`, t, await aFile(t)), 'containerd')
  })

  it('every runtime of this machine is found for cleaning up, whatever is chosen; a hollow node has none', async () => {
    const names = async (choice: string): Promise<readonly string[]> => (await openEveryRuntime(choice, PARTS)).map(({ name }) => name)
    assert.deepEqual(await names('auto'), ['podman', 'containerd'])
    assert.deepEqual(await names('containerd'), ['podman', 'containerd'])
    assert.deepEqual(await names('unix:///run/other.sock'), ['cri', 'podman', 'containerd'])
    assert.deepEqual(await names('fake'), [])
  })
}

/** @returns the name that it gives itself. */
async function opened(choice: string, t: TestContext, memory: string): Promise<string> {
  const runtime = await openRuntime(choice, PARTS, memory)
  if ('close' in runtime) t.after(() => (runtime.close as () => void).call(runtime))
  assert.equal((await runtime.status()).ready, true)
  return runtime.name
}

/** As on a machine where nothing is installed. */
async function withoutPrograms<T>(t: TestContext, body: () => Promise<T>): Promise<T> {
  const path = process.env['PATH']
  const restore = (): void => {
    process.env['PATH'] = path
  }
  t.after(restore)
  process.env['PATH'] = '/nowhere'
  try {
    return await body()
  } finally {
    restore()
  }
}

async function aFile(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'brt-auto-'))
  t.after(() => rm(folder, { recursive: true }))
  return join(folder, 'runtime')
}
