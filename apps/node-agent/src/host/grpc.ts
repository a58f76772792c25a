import { type ChannelCredentials, credentials } from '@grpc/grpc-js'
import { faultOfServer } from '@bramble/link/control-plane-certificate'
import type { TLSSocket } from 'node:tls'

// What this program uses of grpc-js, to be loaded on demand: `await import('../host/grpc.ts')`. By name, because a bundler gives a
// CommonJS package no names when it is imported on demand.
export { Client, credentials, Metadata, Server, ServerCredentials } from '@grpc/grpc-js'

/**
 * Trusts the control plane of this authority, whatever this machine's clock says.
 *
 * @param authority PEM. @param device PEM of the node's own key and certificate, where it shows them.
 */
export function controlPlaneCredentials(
  authority: string,
  device?: { readonly key: string; readonly certificate: string },
): ChannelCredentials {
  const own = device ? [Buffer.from(device.key), Buffer.from(device.certificate)] : [null, null]
  const secure = credentials.createSsl(Buffer.from(authority), own[0], own[1], { rejectUnauthorized: false })
  const createConnector = secure._createSecureConnector.bind(secure)
  // grpc-js lets nobody look at a connection otherwise: what it refuses for its time is refused before
  secure._createSecureConnector = (...args) => {
    const connector = createConnector(...args)
    const connect = connector.connect.bind(connector)
    connector.connect = async (socket) => {
      const connected = await connect(socket)
      const fault = faultOfServer(connected.socket as TLSSocket, authority)
      if (!fault) return connected
      connected.socket.destroy()
      throw fault
    }
    return connector
  }
  return secure
}
