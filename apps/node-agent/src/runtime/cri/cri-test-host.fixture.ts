import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { systemClock } from '@bramble/reconcile/env'
import { silentLog } from '@bramble/reconcile/log'
import { runCommand } from '../../host/exec.ts'
import { AddressMemory } from '../../network/pod-network/address-memory.ts'
import { CniNetwork } from '../../network/pod-network/cni-network.ts'
import { Containerd } from './containerd.fixture.ts'
import { CriRuntime } from './cri-runtime.ts'

export const POD_CIDR = '10.42.7.0/24'

/** A containerd and what an agent needs beside it, for one test file on a private host. */
export class CriTestHost {
  readonly containerd: Containerd
  readonly cgroupName: string
  readonly memory: AddressMemory
  readonly #memoryFolder: string

  private constructor(containerd: Containerd, cgroupName: string, memoryFolder: string) {
    this.containerd = containerd
    this.cgroupName = cgroupName
    this.#memoryFolder = memoryFolder
    this.memory = new AddressMemory(join(memoryFolder, 'addresses.json'))
  }

  static async start(cgroupName: string): Promise<CriTestHost> {
    const containerd = await Containerd.temporary()
    await containerd.start()
    return new CriTestHost(containerd, cgroupName, await mkdtemp(join(tmpdir(), 'brt-cri-')))
  }

  /** As another agent on this machine would have it. */
  async runtime(t: TestContext): Promise<CriRuntime> {
    const network = new CniNetwork({ memory: this.memory })
    await network.setCidr(POD_CIDR)
    return this.runtimeNow(t, network)
  }

  /** One that can run pods on the host's network alone, unless it is given another. */
  runtimeNow(t: TestContext, network: CniNetwork = new CniNetwork()): CriRuntime {
    const runtime = new CriRuntime({
      name: 'containerd',
      socketPath: this.containerd.socketPath,
      network,
      clock: systemClock,
      log: silentLog,
      cgroupName: this.cgroupName,
    })
    t.after(() => runtime.close())
    return runtime
  }

  async folder(t: TestContext): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'brt-cri-'))
    t.after(() => rm(folder, { recursive: true, force: true }))
    return folder
  }

  /** @throws when a test left something. */
  async remove(): Promise<void> {
    const left = (await this.containerd.ctr('tasks', 'ls', '--quiet')).trim()
    await this.containerd.remove()
    await rm(this.#memoryFolder, { recursive: true, force: true })
    assert.equal(left, '', 'no container is left')
    for (const controller of await readdir('/sys/fs/cgroup'))
      assert.ok(!(await readdir(join('/sys/fs/cgroup', controller))).includes(this.cgroupName), `no cgroup is left in ${controller}`)
    const { stdout } = await runCommand('ip', ['-json', 'link', 'show', 'type', 'veth'])
    assert.equal(stdout.trim() || '[]', '[]', 'no interface is left')
  }
}
