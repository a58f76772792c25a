import assert from 'node:assert/strict'
import { after, describe, it, type TestContext } from 'node:test'
import type { KubeEvent } from '@bramble/api/types/core'
import type { Pod } from '@bramble/api/types/pod'
import { busyboxFiles } from '../../tools/images/busybox.ts'
import { imageArchive } from '../../tools/images/image-archive.ts'
import type { TarEntry } from '../../tools/images/tar.ts'
import { type Cluster, OUTSIDE, said } from '../e2e/cluster.ts'
import { FOR_EVER, pod, script } from '../e2e/manifests.ts'
import { agentMemory, inWords } from './agent-memory.ts'
import { difference, type Subset } from './pod-case.ts'
import { loadImage, onNodeOf, type RuntimeUnderTest } from './runtimes.ts'

const FOREIGN = 'localhost/foreign'
const OTHER_ARCHITECTURE = process.arch === 'arm64' ? 'amd64' : 'arm64'
const ELF_MAGIC = '\x7fELF'
/** EM_AVR: nobody emulates it, while a machine with qemu-user-static runs programs of most others. */
const ELF_MACHINE = 83
/** Accepts connections, and says nothing on them. */
const SILENT = `const server = require('net').createServer(() => {}).listen(0, () => console.log(server.address().port))`
const LINE_BYTES = 10_000_000
const ANONYMOUS_KIB_MAX = 120 * 1024

/** What goes wrong on nodes: pods say it in Kubernetes' words, and agents stay as they are. */
export function badInput(cluster: () => Cluster, under: RuntimeUnderTest): void {
  const { name: runtime, node } = under
  const made: string[] = []
  const start = async (name: string, container: object, more: Readonly<Record<string, unknown>> = {}) => {
    made.push(name)
    await cluster().apply(pod(runtime, name, [container], { ...onNodeOf(runtime), ...more }))
  }
  const becomes = (name: string, wanted: Subset) =>
    cluster().waitFor(
      `pod ${name} to be as wanted`,
      async () => {
        const { status = {} } = await cluster().get<Pod>('pod', name, runtime)
        const wrong = difference(status, wanted)
        if (wrong !== undefined) throw new Error(`${wrong}; ${JSON.stringify(status)}`)
        return true
      },
      90_000,
    )
  const event = (name: string, wanted: RegExp) =>
    cluster().waitFor(
      `an Event ${wanted} of ${name}`,
      async () => {
        const events = (await cluster().list<KubeEvent>('events', runtime)).filter(({ involvedObject }) => involvedObject.name === name)
        const words = events.map(({ reason, message }) => `${reason}: ${message}`)
        if (!words.some((each) => wanted.test(each))) throw new Error(JSON.stringify(words))
        return true
      },
      90_000,
    )
  const kubectl = (...args: readonly string[]) => cluster().kubectl(['--namespace', runtime, ...args])
  /** Runs what shall not make the agent grow, and prints what it did. */
  const bounded = async (t: TestContext, what: () => Promise<unknown>) => {
    const before = await agentMemory(cluster(), node)
    await what()
    const then = await agentMemory(cluster(), node)
    t.diagnostic(`agent with ${runtime}: ${inWords(before)} before, ${inWords(then)} after`)
    assert.ok(then.anonymousKib < ANONYMOUS_KIB_MAX, inWords(then))
  }

  describe('bad input', () => {
    after(() => kubectl('delete', 'pod', ...made, '--ignore-not-found', '--grace-period=1', '--wait=false'))

    it('an image for another kind of machine ends at once, and says why', async () => {
      const config = { command: ['/bin/sh'], env: { PATH: '/bin' }, labels: {} }
      const { bytes } = imageArchive(`${FOREIGN}:latest`, (await busyboxFiles()).map(foreign), config, OTHER_ARCHITECTURE)
      await loadImage(cluster(), node, under.load, bytes)
      await start('foreign', script('exit 0', { image: FOREIGN }))
      await becomes('foreign', { containerStatuses: [{ ready: false, restartCount: /[1-9]/, state: { waiting: { reason: /./ } } }] })
      await cluster().waitFor('the words', async () => /exec format error/i.test(await kubectl('logs', 'foreign')))
    })

    it('a port of the node that is taken keeps the next pod waiting, or sends it away', async () => {
      const container = script(FOR_EVER, { ports: [{ containerPort: 80, hostPort: 18080 }] })
      await start('port-first', container)
      await becomes('port-first', { phase: 'Running' })
      await start('port-second', container)
      await event('port-second', /FailedScheduling: .*1 node\(s\) didn't have free ports for the requested pod ports/)
      await start('port-third', container, { nodeName: node })
      await becomes('port-third', { phase: 'Failed', reason: 'NodePorts', message: /Predicate NodePorts failed/ })
    })

    it('a pod that is deaf is deleted after its grace', async () => {
      await start('deaf', script('', { command: ['sh', '-c', `trap '' TERM; while :; do sleep 1; done`] }), {
        terminationGracePeriodSeconds: 2,
      })
      await becomes('deaf', { phase: 'Running' })
      await kubectl('delete', 'pod', 'deaf', '--timeout=40s')
      assert.equal(await kubectl('get', 'pod', 'deaf', '--ignore-not-found'), '')
    })

    it('a registry that says nothing is given up in words, and other pods go on', async () => {
      const registry = await cluster().spawn(OUTSIDE, [process.execPath, '-e', SILENT])
      try {
        const port = await cluster().waitFor('its port', async () => (await said(registry))[0])
        const image = `${cluster().ip(OUTSIDE)}:${port}/stalled:1`
        await start('stalled', { name: 'main', image })
        await event('stalled', /^Pulling: /)
        await start('beside', script(FOR_EVER))
        await becomes('beside', { phase: 'Running' })
        await event('stalled', new RegExp(`^Failed: Failed to pull image "${image}": .`))
        await event('stalled', /^Failed: Error: ErrImagePull/)
        await becomes('stalled', {
          phase: 'Pending',
          containerStatuses: [{ state: { waiting: { reason: /ErrImagePull|ImagePullBackOff/ } } }],
        })
      } finally {
        process.kill(registry.pid, 'SIGKILL')
      }
    })

    it('a line of ten megabytes is logged whole', (t) =>
      bounded(t, async () => {
        await start('long-line', script(`head -c ${LINE_BYTES} /dev/zero | tr '\\0' x; echo; echo end`), { restartPolicy: 'Never' })
        await becomes('long-line', { phase: 'Succeeded' })
        const count = ['sh', '-c', '"$@" | tr -d x | tr "\\n" . && "$@" | wc -c', 'sh']
        const { stdout } = await cluster().run(OUTSIDE, [
          ...count,
          ...cluster().kubectlCommand(['--namespace', runtime, 'logs', 'long-line']),
        ])
        assert.equal(stdout, `.end.${LINE_BYTES + 5}\n`)
      }))

    it('a container that writes as fast as it can fills a few files only', (t) =>
      bounded(t, async () => {
        await start('flood', script(`timeout 10 yes 'the same line again and again'; while :; do echo over; sleep 1 & wait $!; done`))
        await becomes('flood', { phase: 'Running' })
        const folder = `/var/log/pods/${runtime}_flood_*/main`
        const look = async () => {
          const [files, kib] = (await cluster().shell(node, `ls ${folder} | wc -l; du -sk ${folder} | cut -f 1`))
            .trim()
            .split('\n')
            .map(Number)
          return { files: files!, kib: kib! }
        }
        let most = { files: 0, kib: 0 }
        await cluster().waitFor(
          'its end',
          async () => {
            const now = await look()
            most = { files: Math.max(most.files, now.files), kib: Math.max(most.kib, now.kib) }
            return (await kubectl('logs', 'flood', '--tail=1')) === 'over\n'
          },
          60_000,
        )
        t.diagnostic(`the log with ${runtime}: at most ${most.files} files, ${Math.round(most.kib / 1024)} MiB`)
        assert.ok(most.files <= 6, `${most.files} files`)
      }))
  })
}

/** A file for another machine, if it is a program. Source: ELF-64 Object File Format, `e_machine`. */
function foreign(entry: TarEntry): TarEntry {
  if (entry.type !== 'file') return entry
  const data = Buffer.from(entry.data)
  if (data.toString('latin1', 0, ELF_MAGIC.length) !== ELF_MAGIC) return entry
  data.writeUInt16LE(ELF_MACHINE, 18)
  return { ...entry, data }
}
