import type { CsiNodeDriver } from '@bramble/link/link'
import { GrpcClient } from '../../../host/grpc-client.ts'
import { CsiDriver, rpc } from './csi-driver.ts'
import { Registration } from './grpc/api_pb.js'
import { Node, type NodeGetInfoResponse } from './grpc/csi_pb.js'
import { pluginProblem } from './plugin-problem.ts'

const CALL_MS = 10_000

/**
 * Takes in the plugin behind a registration socket, and tells it how that went.
 * @param registered The driver that has a name now.
 * @throws Error in kubelet's words for a plugin that is not taken, when it cannot be asked, and when it must not be told.
 * @see Source: kubelet pluginmanager operationexecutor GenerateRegisterPluginFunc; pkg/volume/csi RegistrationHandler.
 */
export async function register(
  socketPath: string,
  registered: (name: string) => CsiDriver | undefined,
  signal: AbortSignal,
): Promise<CsiDriver> {
  const plugin = new GrpcClient(socketPath)
  try {
    const info = await rpc(plugin, Registration.method.getInfo, {}, signal, CALL_MS)
    const notify = (pluginRegistered: boolean, error: string): Promise<unknown> =>
      rpc(plugin, Registration.method.notifyRegistrationStatus, { pluginRegistered, error }, signal, CALL_MS)
    const refuse = async (why: string): Promise<never> => {
      await notify(false, why).catch(() => {}) // it is refused, whether it hears of it or not
      throw new Error(why)
    }
    const problem = pluginProblem(socketPath, info, registered(info.name)?.versions)
    if (problem !== undefined) return await refuse(problem)
    const client = new GrpcClient(info.endpoint === '' ? socketPath : info.endpoint)
    try {
      const facts = await nodeFacts(client, info.name, signal).catch((error: Error) =>
        refuse(`RegisterPlugin error -- plugin registration failed with err: ${error.message}`),
      )
      await notify(true, '')
      return new CsiDriver(facts, info.supportedVersions, client)
    } catch (error) {
      client.close()
      throw error
    }
  } finally {
    plugin.close()
  }
}

async function nodeFacts(client: GrpcClient, name: string, signal: AbortSignal): Promise<CsiNodeDriver> {
  const info: NodeGetInfoResponse = await rpc(client, Node.method.nodeGetInfo, {}, signal, CALL_MS)
  if (info.nodeId === '')
    throw new Error('error updating CSINode object with CSI driver node info: error adding CSI driver node info: driver node ID is empty')
  const topologyKeys = Object.keys(info.accessibleTopology?.segments ?? {}).sort()
  const volumesMax = Number(info.maxVolumesPerNode)
  return { name, nodeId: info.nodeId, topologyKeys, ...(volumesMax > 0 && { volumesMax: Math.min(volumesMax, INT32_MAX) }) }
}

const INT32_MAX = 2 ** 31 - 1
