import { watch } from 'node:fs'
import type { Env } from '@bramble/reconcile/env'
import { Signal } from '@bramble/reconcile/signal'
import { RuntimeError, type Device as RuntimeDevice, type RuntimeService, type SandboxState } from '../runtime/runtime.ts'
import type { DeviceClass } from './device-class.ts'
import { allocate, type Asking, closedFiles, type Device, deviceCounts, type DeviceCount, groupsFor, type Held, isThere } from './plan.ts'
import { watchedFolders } from './scan.ts'

export interface DevicesParts {
  /** What the operator wrote; read again now and then. Never throws. */
  readonly classes: () => Promise<readonly DeviceClass[]>
  readonly scan: (classes: readonly DeviceClass[]) => Promise<readonly Device[]>
  readonly runtime: Pick<RuntimeService, 'observe'>
  readonly env: Env
  /** A pod that is not active holds no devices any more. */
  readonly isActive: (podUid: string) => boolean
  readonly tell: (podUid: string, type: 'Normal' | 'Warning', reason: string, message: string) => void
  /** There are others than before: somebody may have waited for them. */
  readonly changed: () => void
}

/** What a container was given. */
export interface Grant {
  readonly devices: readonly RuntimeDevice[]
  readonly groups: readonly number[]
  /** Files that nobody but root can open, whatever groups they have. */
  readonly closedPaths: readonly string[]
  readonly annotations: Readonly<Record<string, string>>
}

export const DEVICES_ANNOTATION = 'bramble.dev/devices'
const INIT_ANNOTATION = 'bramble.dev/devices-of-init'

/** A look costs a few system calls. */
const LOOK_MS = 15_000
/** udev makes links and sets groups after the device has come. */
const SETTLE_MS = 500

/**
 * Devices of this node for pods that ask for them by name. Which container has which is written on the container itself, so an agent
 * that starts anew, or after a crash, finds it there.
 */
export class Devices {
  readonly #parts: DevicesParts
  readonly #holders = new Map<string, Map<string, Held>>()
  readonly #change = new Signal()
  /** Told to whom it was given. */
  readonly #lost = new Set<string>()
  readonly #isReady = new Signal()
  #classes: readonly DeviceClass[] = []
  #devices: readonly Device[] = []
  #ready = false

  constructor(parts: DevicesParts) {
    this.#parts = parts
  }

  /** By resource name, as a node reports them. None before it is known who has which. */
  counts(): Readonly<Record<string, DeviceCount>> {
    if (!this.#ready) return {}
    return deviceCounts(
      this.#classes.map(({ name }) => name),
      this.#devices,
    )
  }

  /** Why a pod that has never run here cannot have what it asks for; undefined when it can, or nobody knows yet. */
  refusal(podUid: string, containers: readonly Omit<Asking, 'podUid'>[]): string | undefined {
    if (!this.#ready) return undefined
    this.#forgetInactive()
    const holders = new Map([...this.#holders].map(([uid, held]) => [uid, new Map(held)]))
    for (const asking of containers) {
      const result = allocate(this.#devices, holders, { podUid, ...asking })
      if ('refusal' in result) return result.refusal
      give(holders, { podUid, ...asking }, result.held)
    }
    return undefined
  }

  /**
   * Devices for an attempt of a container; the same as before, if it had some.
   *
   * @throws RuntimeError `UnexpectedAdmissionError` when there are none, for as long as that is so.
   */
  async take(asking: Asking, isInit: boolean, signal: AbortSignal): Promise<Grant> {
    if (asking.wanted.size === 0) return NOTHING
    while (!this.#ready && !signal.aborted) await this.#isReady.wait(signal)
    signal.throwIfAborted()
    await this.#look()
    const result = allocate(this.#devices, this.#holders, asking)
    if ('refusal' in result) throw new RuntimeError('UnexpectedAdmissionError', result.refusal)
    give(this.#holders, asking, result.held)
    const given = this.#devices.filter(({ className, id }) => result.held[className]?.includes(id))
    return {
      devices: given.flatMap(({ files, permissions }) =>
        files.map(({ hostPath, containerPath }) => ({ hostPath, containerPath, permissions })),
      ),
      groups: [...new Set(given.flatMap(({ files, permissions }) => groupsFor(files, permissions)))],
      closedPaths: given.flatMap(({ files, permissions }) => closedFiles(files, permissions).map(({ hostPath }) => hostPath)),
      annotations: { [isInit ? INIT_ANNOTATION : DEVICES_ANNOTATION]: JSON.stringify(result.held) },
    }
  }

  /** What containers have, as they themselves tell. */
  adopt(sandboxes: readonly SandboxState[]): void {
    for (const { podUid, containers } of sandboxes)
      for (const { name, state, annotations } of containers) {
        const text = annotations[DEVICES_ANNOTATION] ?? (state === 'exited' ? undefined : annotations[INIT_ANNOTATION])
        const ofPod = this.#holders.get(podUid) ?? new Map<string, Held>()
        if (text === undefined || ofPod.has(name)) continue
        try {
          this.#holders.set(podUid, ofPod.set(name, JSON.parse(text) as Held))
        } catch (error) {
          this.#parts.env.log.warn('it cannot be read which devices a container has', { container: name, error })
        }
      }
  }

  /** Follows what is plugged in until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { env, runtime } = this.#parts
    while (!signal.aborted) {
      using _watch = this.#watch()
      try {
        if (!this.#ready) {
          await this.#look()
          if (this.#classes.length > 0) this.adopt(await runtime.observe())
          this.#ready = true
          this.#isReady.notify()
          this.#parts.changed()
        } else await this.#look()
      } catch (error) {
        env.log.warn('devices could not be looked at; trying again', { error })
      }
      const stop = new AbortController()
      const until = AbortSignal.any([signal, stop.signal])
      await Promise.race([this.#change.wait(until), env.clock.sleep(LOOK_MS, until)])
      stop.abort()
      await env.clock.sleep(SETTLE_MS, signal)
    }
  }

  async #look(): Promise<void> {
    this.#forgetInactive()
    const before = this.#devices
    const classes = await this.#parts.classes()
    const devices = await this.#parts.scan(classes)
    ;[this.#classes, this.#devices] = [classes, devices]
    if (this.#ready) this.#tellHolders(before)
    if (JSON.stringify(before) !== JSON.stringify(this.#devices)) this.#parts.changed()
  }

  #tellHolders(before: readonly Device[]): void {
    for (const [podUid, containers] of this.#holders)
      for (const held of containers.values())
        for (const [className, ids] of Object.entries(held))
          for (const id of new Set(ids)) {
            const [old, now] = [before, this.#devices].map((devices) =>
              devices.find((each) => each.className === className && each.id === id),
            )
            this.#tellChange(podUid, `${className} (${id})`, old, now)
          }
  }

  #tellChange(podUid: string, what: string, old: Device | undefined, now: Device | undefined): void {
    const key = `${podUid} ${what}`
    const isNew = old !== undefined && now !== undefined && isThere(old) && numbersOf(old) !== numbersOf(now)
    if (now === undefined || !isThere(now)) {
      if (this.#lost.has(key)) return
      this.#lost.add(key)
      this.#parts.tell(podUid, 'Warning', 'DeviceLost', `Device ${what} is gone`)
    } else if (this.#lost.delete(key) || isNew)
      this.#parts.tell(podUid, 'Normal', 'DeviceReturned', `Device ${what} is back; a container has it again when it was restarted`)
  }

  #forgetInactive(): void {
    for (const podUid of this.#holders.keys()) if (!this.#parts.isActive(podUid)) this.#holders.delete(podUid)
    for (const key of this.#lost) if (!this.#holders.has(key.split(' ')[0]!)) this.#lost.delete(key)
  }

  #watch(): Disposable {
    const watchers = watchedFolders(this.#classes).flatMap((folder) => {
      try {
        const watcher = watch(folder, { persistent: false }, () => this.#change.notify())
        watcher.on('error', () => watcher.close())
        return [watcher]
      } catch {
        return [] // not there yet: looked at now and then
      }
    })
    return { [Symbol.dispose]: () => watchers.forEach((watcher) => watcher.close()) }
  }
}

const NOTHING: Grant = { devices: [], groups: [], closedPaths: [], annotations: {} }
const numbersOf = ({ files }: Device): string => files.map(({ number }) => number).join()

/** What an init container had goes over to the one that has it now. */
function give(holders: Map<string, Map<string, Held>>, { podUid, container, successorOf }: Asking, held: Held): void {
  const ofPod = holders.get(podUid) ?? new Map<string, Held>()
  for (const init of successorOf) {
    const had = ofPod.get(init)
    if (had)
      ofPod.set(init, Object.fromEntries(Object.entries(had).map(([name, ids]) => [name, ids.filter((id) => !held[name]?.includes(id))])))
  }
  holders.set(podUid, ofPod.set(container, held))
}
