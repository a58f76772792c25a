import type { DescMessage, DescMethodUnary, MessageInitShape, MessageShape } from '@bufbuild/protobuf'
import type { CsiNodeDriver } from '@bramble/link/link'
import { CODE, type GrpcClient, GrpcError } from '../../../host/grpc-client.ts'
import { Node, NodeServiceCapability_RPC_Type } from './grpc/csi_pb.js'

const CALL_MS = 120_000

/** A CSI driver that is registered with this node. */
export class CsiDriver {
  readonly facts: CsiNodeDriver
  /** Versions of CSI that it speaks, as it says. */
  readonly versions: readonly string[]
  readonly #client: GrpcClient

  constructor(facts: CsiNodeDriver, versions: readonly string[], client: GrpcClient) {
    this.facts = facts
    this.versions = versions
    this.#client = client
  }

  /** @throws Error in kubelet's words for what the driver said; the abort's reason when `signal` ended it. */
  call<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    init: MessageInitShape<I>,
    signal: AbortSignal,
  ): Promise<MessageShape<O>> {
    return rpc(this.#client, method, init, signal)
  }

  /** Asked each time: a driver may have been replaced behind its socket. */
  async abilities(signal: AbortSignal): Promise<DriverAbilities> {
    const { capabilities } = await this.call(Node.method.nodeGetCapabilities, {}, signal)
    const can = (type: NodeServiceCapability_RPC_Type): boolean =>
      capabilities.some((capability) => capability.type.case === 'rpc' && capability.type.value.type === type)
    return {
      stages: can(NodeServiceCapability_RPC_Type.STAGE_UNSTAGE_VOLUME),
      multiWriter: can(NodeServiceCapability_RPC_Type.SINGLE_NODE_MULTI_WRITER),
      mountGroup: can(NodeServiceCapability_RPC_Type.VOLUME_MOUNT_GROUP),
    }
  }

  close(): void {
    this.#client.close()
  }
}

/** What a driver can do on nodes. */
export interface DriverAbilities {
  /** A volume is staged once on a node, then published to pods. */
  readonly stages: boolean
  /** It tells one writer from several on one node. */
  readonly multiWriter: boolean
  /** It gives a volume to a group by itself. */
  readonly mountGroup: boolean
}

/** One call, in the words that Go has for what went wrong. */
export async function rpc<I extends DescMessage, O extends DescMessage>(
  client: GrpcClient,
  method: DescMethodUnary<I, O>,
  init: MessageInitShape<I>,
  signal: AbortSignal,
  timeoutMs: number = CALL_MS,
): Promise<MessageShape<O>> {
  try {
    return await client.call(method, init, { signal, timeoutMs })
  } catch (error) {
    if (!(error instanceof GrpcError)) throw error
    const words = error.code === CODE.deadlineExceeded ? 'context deadline exceeded' : error.message
    throw new Error(`rpc error: code = ${CODE_NAMES[error.code] ?? `Code(${error.code})`} desc = ${words}`, { cause: error })
  }
}

/** By number, as grpc-go prints them. */
const CODE_NAMES = [
  'OK',
  'Canceled',
  'Unknown',
  'InvalidArgument',
  'DeadlineExceeded',
  'NotFound',
  'AlreadyExists',
  'PermissionDenied',
  'ResourceExhausted',
  'FailedPrecondition',
  'Aborted',
  'OutOfRange',
  'Unimplemented',
  'Internal',
  'Unavailable',
  'DataLoss',
  'Unauthenticated',
]
