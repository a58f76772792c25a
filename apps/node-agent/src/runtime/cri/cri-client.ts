import { CODE, GrpcClient, GrpcError } from '../../host/grpc-client.ts'
import { type RuntimeReason, RuntimeError } from '../runtime.ts'

export { CODE, GrpcClient as CriClient, GrpcError as CriError }

/** The runtime's refusal under the reason that a pod status shows. */
export async function reasoned<T>(reason: RuntimeReason, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw error instanceof GrpcError ? new RuntimeError(reason, error.message, { cause: error }) : error
  }
}

/** undefined for something that is not there. */
export async function absent<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work
  } catch (error) {
    if (error instanceof GrpcError && error.code === CODE.notFound) return undefined
    return reasoned('RuntimeUnavailable', Promise.reject<T>(error))
  }
}
