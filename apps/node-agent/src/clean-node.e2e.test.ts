import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { systemClock } from '@bramble/reconcile/env'
import { silentLog } from '@bramble/reconcile/log'
import { BUSYBOX_IMAGE } from '../../../tools/images/build.ts'
import { cleanNode } from './clean-node.ts'
import { parseAgentConfig } from './config.ts'
import { runCommand } from './host/exec.ts'
import { insidePrivateHost, privateHostTest } from './host/private-host.ts'
import { CniNetwork } from './network/pod-network/cni-network.ts'
import { PodUnderTest } from './runtime/contract/pod-under-test.ts'
import { Containerd } from './runtime/cri/containerd.fixture.ts'
import { CriRuntime } from './runtime/cri/cri-runtime.ts'

const CGROUPS = '/sys/fs/cgroup'

if (insidePrivateHost())
  it('nothing of pods on containerd is left, and nothing in /etc, though Podman was chosen since', async (t) => {
    const containerd = await Containerd.temporary()
    const folder = await mkdtemp(join(tmpdir(), 'brt-clean-'))
    await containerd.start()
    await containerd.load(BUSYBOX_IMAGE)
    const network = new CniNetwork()
    await network.setCidr('10.42.7.0/24')
    const runtime = new CriRuntime({ name: 'containerd', socketPath: containerd.socketPath, clock: systemClock, log: silentLog, network })
    const pod = new PodUnderTest({
      runtime,
      folder,
      image: BUSYBOX_IMAGE,
      missingImage: '',
      pause: () => systemClock.sleep(20),
      readLog: (path) => readFile(path, 'utf8').catch(() => ''),
      real: { writeFile },
    })
    t.after(async () => {
      await pod.remove()
      runtime.close()
      await containerd.remove()
      await rm(folder, { recursive: true, force: true })
    })
    await pod.start({})
    assert.notEqual((await containerd.ctr('tasks', 'ls', '--quiet')).trim(), '')

    const env = { clock: systemClock, random: () => 0.5, log: silentLog }
    await cleanNode('all', parseAgentConfig({ runtime: 'podman', 'data-dir': folder }), env)

    assert.equal((await containerd.ctr('tasks', 'ls', '--quiet')).trim(), '')
    assert.deepEqual(
      (await readdir('/etc/cni/net.d')).filter((name) => name !== 'cni.lock'), // Podman's own
      [],
    )
    assert.deepEqual(
      (await readdir('/run')).filter((name) => name === 'bramble'),
      [],
    )
    assert.equal((await runCommand('ip', ['-json', 'link', 'show', 'type', 'veth'])).stdout.trim() || '[]', '[]')
    for (const controller of await readdir(CGROUPS))
      assert.ok(!(await namesIn(join(CGROUPS, controller, 'bramble', 'burstable'))).includes(`pod${pod.uid}`), controller)
    await cleanNode('all', parseAgentConfig({ runtime: 'podman', 'data-dir': folder }), env)
  })
else privateHostTest(import.meta.filename)

const namesIn = (folder: string): Promise<readonly string[]> => readdir(folder).catch(() => [])
