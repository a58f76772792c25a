export interface ChannelMessage {
  readonly channel: number
  readonly bytes: Buffer
}

/** How several streams share a WebSocket. @see Source: apimachinery pkg/util/httpstream/wsstream. */
export interface ChannelCodec {
  /** A text message when it is a string. */
  encode(channel: number, bytes: Buffer): Buffer | string
  /** Undefined for what is no message of a channel. */
  decode(message: Buffer): ChannelMessage | undefined
}

export const channelCodec = (protocol: string): ChannelCodec => (protocol.includes('base64') ? BASE64 : BINARY)

const BINARY: ChannelCodec = {
  encode: (channel, bytes) => {
    const message = Buffer.allocUnsafe(1 + bytes.length)
    message[0] = channel
    message.set(bytes, 1)
    return message
  },
  decode: (message) => (message.length === 0 ? undefined : { channel: message[0]!, bytes: message.subarray(1) }),
}

/** A digit, then base64. */
const BASE64: ChannelCodec = {
  encode: (channel, bytes) => `${channel}${bytes.toString('base64')}`,
  decode: (message) => {
    const channel = (message[0] ?? 0) - 0x30
    return channel < 0 || channel > 9 ? undefined : { channel, bytes: Buffer.from(message.toString('latin1', 1), 'base64') }
  },
}
