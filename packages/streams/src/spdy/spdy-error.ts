/** The peer broke the protocol, or more than this side takes: the session is over. */
export class SpdyError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'SpdyError'
  }
}
