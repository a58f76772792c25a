const NANOSECONDS_PER_MS = 1_000_000
/** What is left of a name's 253 characters when the time stands behind it. */
const OBJECT_NAME_LENGTH_MAX = 236

/**
 * Names for Events: the object's name and the instant in nanoseconds, so that names sort as things happened.
 * @see Source: client-go tools/record makeEvent.
 */
export class EventNames {
  readonly #random: () => number
  #lastNs = 0n

  /** @param random From 0 to 1: fills what a clock of milliseconds does not know, so that two who speak of one object differ. */
  constructor(random: () => number) {
    this.#random = random
  }

  /** @param nowMs Epoch milliseconds. @returns Greater than all names given out for this object before, whatever the clock says. */
  next(objectName: string, nowMs: number): string {
    const nowNs =
      BigInt(Math.max(0, Math.floor(nowMs))) * BigInt(NANOSECONDS_PER_MS) + BigInt(Math.floor(this.#random() * NANOSECONDS_PER_MS))
    this.#lastNs = nowNs > this.#lastNs ? nowNs : this.#lastNs + 1n
    return `${objectName.slice(0, OBJECT_NAME_LENGTH_MAX).replace(/[-.]+$/, '')}.${this.#lastNs.toString(16).padStart(16, '0')}`
  }
}
