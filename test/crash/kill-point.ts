/** Where an agent dies: at its n-th change of the node, before it, in the middle, or when it was made and nobody has heard yet. */
export interface KillPoint {
  readonly operation: number
  readonly when: 'before' | 'during' | 'after'
  /** For `during`, from the start of the operation. */
  readonly afterMs: number
}

/** Methods that change something. Looks are not counted: dying in one is dying before what follows. */
const CHANGES = [
  'runSandbox',
  'createContainer',
  'startContainer',
  'stopContainer',
  'removeContainer',
  'removeSandbox',
  'updateContainer',
  'prepare',
  'containerMounts',
  'removeAttempt',
  'removePod',
  'save',
]

/** Counts what is done over several objects, and kills this very process with SIGKILL when the point is reached. */
export class Executioner {
  readonly #point: KillPoint | undefined
  readonly #sleep: (ms: number) => Promise<void>
  #count = 0

  constructor(point: KillPoint | undefined, sleep: (ms: number) => Promise<void>) {
    this.#point = point
    this.#sleep = sleep
  }

  /** The same object, watched. */
  watch<T extends object>(target: T): T {
    return new Proxy(target, {
      get: (_, name) => {
        const found: unknown = Reflect.get(target, name, target)
        if (typeof found !== 'function') return found
        const method = found.bind(target) as (...parameters: readonly unknown[]) => unknown
        return CHANGES.includes(String(name)) ? (...parameters: readonly unknown[]) => this.#run(() => method(...parameters)) : method
      },
    })
  }

  async #run(operation: () => unknown): Promise<unknown> {
    const point = ++this.#count === this.#point?.operation ? this.#point : undefined
    if (point?.when === 'before') die()
    const done = operation()
    if (point?.when === 'during') void this.#sleep(point.afterMs).then(die)
    const result = await done
    if (point?.when === 'after') die()
    return result
  }
}

const die = (): boolean => process.kill(process.pid, 'SIGKILL')
