import { createSocket } from 'node:dgram'
import { networkInterfaces } from 'node:os'

/** A documentation address (RFC 5737): nothing is sent there, the kernel is only asked by which address it would go. */
const SOMEWHERE = '192.0.2.254'

/** The IPv4 address of the default route, else any of this machine's; 127.0.0.1 when it has none. */
export async function advertiseAddress(): Promise<string> {
  return (await sourceAddress()) ?? ownAddresses()[0] ?? '127.0.0.1'
}

/** Every IPv4 address of this machine but loopback. */
export const ownAddresses = (): readonly string[] =>
  Object.values(networkInterfaces()).flatMap((list) =>
    (list ?? []).filter(({ family, internal }) => family === 'IPv4' && !internal).map(({ address }) => address),
  )

function sourceAddress(): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4')
    const done = (address: string | undefined): void => {
      socket.close()
      resolve(address)
    }
    socket.once('error', () => done(undefined))
    socket.connect(53, SOMEWHERE, () => done(socket.address().address))
  })
}
