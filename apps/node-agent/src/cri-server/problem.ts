// Pure: why a call is refused, as gRPC says it and kubelets understand it.
import { RuntimeError, type RuntimeReason } from '../runtime/runtime.ts'

/** @see Source: gRPC "Status codes and their use in gRPC". */
export const CODE = {
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  resourceExhausted: 8,
  failedPrecondition: 9,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
} as const

/** The answer to a call that cannot be done. */
export class CriProblem extends Error {
  override readonly name = 'CriProblem'
  /** One of gRPC's status codes. */
  readonly code: number
  constructor(code: keyof typeof CODE, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = CODE[code]
  }
}

export const invalid = (message: string): CriProblem => new CriProblem('invalidArgument', message)

/** In containerd's words. */
export const notFound = (kind: 'sandbox' | 'container' | 'image', id: string): CriProblem =>
  new CriProblem('notFound', `an error occurred when try to find ${kind} ${JSON.stringify(id.slice(0, 300))}: not found`)

/** Words travel in a header. */
const MESSAGE_MAX = 4096

/** Code and words for whatever a handler threw; `isOurs`: nobody expected it. */
export function problemOf(error: unknown): { readonly code: number; readonly details: string; readonly isOurs?: true } {
  const details = (error instanceof Error ? error.message : String(error)).slice(0, MESSAGE_MAX)
  if (error instanceof CriProblem) return { code: error.code, details }
  if (error instanceof RuntimeError) {
    const isKnownToKubelet = error.reason === 'RegistryUnavailable' || error.reason === 'SignatureValidationFailed'
    return {
      code: CODE[CODE_OF_REASON[error.reason] ?? 'unknown'],
      details: isKnownToKubelet && !details.startsWith(error.reason) ? `${error.reason}: ${details}` : details,
    }
  }
  if (error instanceof Error && error.name === 'AbortError') return { code: CODE.cancelled, details: 'the caller went away' }
  if (error instanceof Error && error.name === 'PodNetworkError') return { code: CODE.unknown, details }
  return { code: CODE.internal, details, isOurs: true }
}

const CODE_OF_REASON: Readonly<Partial<Record<RuntimeReason, keyof typeof CODE>>> = {
  CreateContainerConfigError: 'invalidArgument',
  InvalidImageName: 'invalidArgument',
  RuntimeUnavailable: 'unavailable',
  ResizeError: 'failedPrecondition',
  ExecTimeout: 'deadlineExceeded',
}
