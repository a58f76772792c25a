import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { systemClock } from '@bramble/reconcile/env'
import { silentLog } from '@bramble/reconcile/log'
import { BUSYBOX_IMAGE } from '../../../../../tools/images/build.ts'
import { runCommand } from '../../host/exec.ts'
import { CniNetwork } from '../../network/pod-network/cni-network.ts'
import { PodCgroups } from '../cgroups/pod-cgroups.ts'
import { PodUnderTest, type RuntimeHarness } from '../contract/pod-under-test.ts'
import { PodmanRuntime } from './podman-runtime.ts'

/** Cgroups are of the whole machine: each test file has its own. */
export const CGROUP_NAME = `brt${randomUUID().slice(0, 8)}`
export const PAUSE_MS = 20

/** Real Podman, with its own folders, on a host of the test's own. */
export async function podmanHarness(t: TestContext): Promise<RuntimeHarness & { readonly runtime: PodmanRuntime }> {
  const runtime = await aRuntime(t)
  const folder = await aFolder(t)
  return {
    runtime,
    folder,
    image: BUSYBOX_IMAGE,
    missingImage: 'localhost/no-such-image',
    pause: () => systemClock.sleep(PAUSE_MS),
    readLog: (path) => readFile(path, 'utf8').catch(() => ''),
    real: { writeFile: (path, text) => writeFile(path, text) },
  }
}

/** A pod that is removed after the test. */
export async function podOnPodman(t: TestContext): Promise<PodUnderTest & { readonly harness: { readonly runtime: PodmanRuntime } }> {
  const pod = new PodUnderTest(await podmanHarness(t))
  t.after(() => pod.remove())
  return pod as PodUnderTest & { readonly harness: { readonly runtime: PodmanRuntime } }
}

export async function aRuntime(t: TestContext): Promise<PodmanRuntime> {
  const network = new CniNetwork()
  await network.setCidr('10.42.1.0/24')
  const runtime = new PodmanRuntime({ network, clock: systemClock, log: silentLog, cgroupName: CGROUP_NAME })
  t.after(() => runtime.close())
  return runtime
}

export async function aFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-podman-'))
  t.after(() => rm(folder, { recursive: true }))
  return folder
}

/** As a power cut does it: every other process dies at once, /run, /dev/shm and cgroups are empty afterwards. */
export async function reboot(): Promise<void> {
  for (const pid of (await readdir('/proc')).map(Number)) if (pid > 1 && pid !== process.pid && pid !== process.ppid) killQuietly(pid)
  await runCommand('umount', ['--lazy', '/run', '/dev/shm'])
  for (const folder of ['/run', '/dev/shm']) await runCommand('mount', ['-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', folder])
  const groups = new PodCgroups({ manager: 'cgroupfs', version: 1, clock: systemClock, name: CGROUP_NAME })
  for (const folder of await readdir(`/sys/fs/cgroup/memory/${CGROUP_NAME}`, { recursive: true }).catch(() => [])) {
    const podUid = /(?:^|\/)pod([0-9a-f-]{36})$/.exec(folder)?.[1]
    if (podUid !== undefined) await groups.remove(podUid)
  }
}

/** Podman's service forgets what it keeps in memory. */
export async function endService(): Promise<void> {
  for (const pid of await processesLike('podman ')) if (/system service/.test(await commandOf(pid))) killQuietly(pid)
}

/** Processes on this host whose command has this in it. */
export async function processesLike(part: string): Promise<readonly number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number)
  const commands = await Promise.all(pids.map(commandOf))
  return pids.filter((pid, index) => pid !== process.pid && commands[index]!.includes(part))
}

const commandOf = async (pid: number): Promise<string> =>
  (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).replaceAll('\0', ' ')

export function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // it has gone with another
  }
}

export async function nothingIsLeft(): Promise<void> {
  assert.equal((await runCommand('podman', ['ps', '--all', '--quiet'])).stdout, '')
  assert.equal((await runCommand('ip', ['netns', 'list'])).stdout, '')
  assert.deepEqual(await readdir('/run/bramble/sandboxes').catch(() => []), [])
  await assert.rejects(readdir(`/sys/fs/cgroup/memory/${CGROUP_NAME}`), { code: 'ENOENT' })
}
