import { StatusError } from '@bramble/api/status-error'
import type { ProcessEnd } from '../remote-process.ts'

/**
 * What the error channel says at the end, since version 4 of the protocol. Source: apimachinery pkg/util/remotecommand; kubelet
 * pkg/cri/streaming/remotecommand, exec.go.
 */
export function encodeEnd({ exitCode }: ProcessEnd): string {
  if (exitCode === 0) return JSON.stringify({ metadata: {}, status: 'Success' })
  return JSON.stringify({
    metadata: {},
    status: 'Failure',
    message: `command terminated with non-zero exit code: exit status ${exitCode}`,
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: String(exitCode) }] },
  })
}

/** For a process that could not be followed to its end. */
export const encodeFailure = (error: unknown): string =>
  JSON.stringify({
    metadata: {},
    status: 'Failure',
    message: failureText(error),
    reason: error instanceof StatusError ? error.reason : 'InternalError',
    code: error instanceof StatusError ? error.code : 500,
  })

/** Words for whoever watched; nothing of our insides. */
export const failureText = (error: unknown): string => (error instanceof StatusError ? error.message : 'Internal error occurred')

/** @throws StatusError when the process did not end by itself; 500 when the text is no Status. */
export function decodeEnd(text: string): ProcessEnd {
  const status = parseStatus(text)
  if (status.status === 'Success') return { exitCode: 0 }
  if (status.reason === 'NonZeroExitCode') {
    const cause = status.details?.causes?.find(({ reason }) => reason === 'ExitCode')
    const exitCode = Number(cause?.message)
    if (Number.isInteger(exitCode)) return { exitCode }
  }
  throw new StatusError(status.code ?? 500, 'InternalError', status.message ?? 'the process could not be followed to its end')
}

interface EndStatus {
  readonly status?: string
  readonly message?: string
  readonly reason?: string
  readonly code?: number
  readonly details?: { readonly causes?: readonly { readonly reason?: string; readonly message?: string }[] }
}

function parseStatus(text: string): EndStatus {
  try {
    const status: unknown = JSON.parse(text)
    if (typeof status === 'object' && status !== null) return status
  } catch {} // said below
  throw new StatusError(500, 'InternalError', `error stream protocol error: ${text.slice(0, 200)}`)
}
