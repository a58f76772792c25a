import type { Clock } from '@bramble/reconcile/env'
import { execExitCode } from '../podman/convert.ts'
import { RuntimeError } from '../runtime.ts'
import { CODE, type CriClient, CriError } from './cri-client.ts'
import { RuntimeService } from './grpc/api_pb.js'

const OUTPUT_BYTES_MAX = 10 << 10
const SLACK_MS = 30_000
/** As what a runtime ends with when it failed itself. */
const OWN_FAILURE = 255

/**
 * Runs a command to its end. @returns its exit code, 126 or 127 when it cannot be run, and the first 10 KiB of its outputs.
 * @throws RuntimeError `ExecTimeout`: the runtime ends the command at the next full second then; `RuntimeUnavailable`.
 */
export async function execSync(
  client: CriClient,
  clock: Clock,
  containerId: string,
  command: readonly string[],
  timeoutMs: number,
): Promise<{ readonly exitCode: number; readonly output: string }> {
  const tooLong = new RuntimeError('ExecTimeout', `command "${command[0]}" did not end within ${timeoutMs} ms`)
  const request = { containerId, cmd: [...command], timeout: BigInt(Math.ceil(timeoutMs / 1000)) }
  const limit = new AbortController()
  const asked = client.call(RuntimeService.method.execSync, request, { timeoutMs: timeoutMs + SLACK_MS })
  asked.catch(() => {}) // it may fail when nobody waits any more
  try {
    const answer = await Promise.race([asked, clock.sleep(timeoutMs, limit.signal).then(() => undefined)])
    if (!answer) throw tooLong
    const output = Buffer.concat([answer.stdout, answer.stderr]).subarray(0, OUTPUT_BYTES_MAX).toString('utf8')
    return { exitCode: answer.exitCode, output }
  } catch (error) {
    if (!(error instanceof CriError)) throw error
    if (error.code === CODE.deadlineExceeded || /timeout .* exceeded/.test(error.message)) throw tooLong
    const exitCode = unrunnableExitCode(error)
    if (exitCode !== undefined) return { exitCode, output: error.message }
    throw new RuntimeError('RuntimeUnavailable', error.message, { cause: error })
  } finally {
    limit.abort()
  }
}

/** 126 or 127, as a shell says it, for a command that could not be run, which the runtime tells in words alone. */
export function unrunnableExitCode(error: Error): 126 | 127 | undefined {
  const exitCode = execExitCode(OWN_FAILURE, error.message)
  return exitCode === 126 || exitCode === 127 ? exitCode : undefined
}
