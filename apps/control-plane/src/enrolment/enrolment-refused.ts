/** Not now, or not at all; the message is for the operator of the node. */
export class EnrolmentRefused extends Error {
  override name = 'EnrolmentRefused'
  /** `waiting`: somebody must approve it first; all others are for good. */
  readonly kind: 'unauthenticated' | 'invalid' | 'taken' | 'denied' | 'waiting'
  constructor(kind: EnrolmentRefused['kind'], message: string, options?: ErrorOptions) {
    super(message, options)
    this.kind = kind
  }
}
