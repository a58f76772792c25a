import type { Container, LifecycleHandler, Pod } from '@bramble/api/types/pod'
import type { Clock } from '@bramble/reconcile/env'
import type { RuntimeService } from '../../runtime/runtime.ts'
import { podText } from '../container-status.ts'
import { messageOf } from '../message-of.ts'
import { portNumber } from '../probes/port-number.ts'
import { LIFECYCLE_USER_AGENT, type ProbeDialer } from '../probes/probe-dialer.ts'

/** A hook that needs longer hangs. Kubernetes has no limit but the end of its container. */
export const HOOK_LIMIT_MS = 30 * 60_000

export interface HookParts {
  readonly clock: Clock
  readonly runtime: Pick<RuntimeService, 'exec'>
  readonly dialer: ProbeDialer
}

export interface HookCall {
  readonly pod: Pod
  readonly container: Container
  readonly containerId: string
  /** Where the pod is reached. */
  readonly host: string
  readonly handler: LifecycleHandler
  readonly limitMs: number
}

/**
 * Runs a hook of a container to its end. What a web server answers to an HTTP hook does not matter, only that it does.
 *
 * @param ended Aborts when the container has ended.
 * @throws Error that says in Kubernetes' words what went wrong; not for Events, as a hook's output may hold secrets.
 * @see Source: kubelet lifecycle HandlerRunner.Run.
 */
export async function runHook(parts: HookParts, call: HookCall, ended: AbortSignal): Promise<void> {
  const { pod, container, handler } = call
  const of = `for Container "${container.name}" in Pod "${podText({ pod })}" failed - error:`
  if (handler.exec) {
    const command = handler.exec.command ?? []
    const failed = (why: string, output: string): Error =>
      new Error(`Exec lifecycle hook ([${command.join(' ')}]) ${of} ${why}, message: ${JSON.stringify(output)}`)
    const { exitCode, output } = await parts.runtime.exec(call.containerId, command, call.limitMs).catch((error: unknown) => {
      throw failed(messageOf(error), '')
    })
    if (exitCode !== 0) throw failed(`command '${command.join(' ')}' exited with ${exitCode}: ${output}`, output)
  } else if (handler.httpGet) {
    const { path = '', port, scheme = 'HTTP', httpHeaders = [], host } = handler.httpGet
    try {
      await parts.dialer.http(
        {
          scheme,
          host: host || call.host,
          port: portNumber(container, port),
          path: path.startsWith('/') ? path : `/${path}`,
          headers: httpHeaders,
          userAgent: LIFECYCLE_USER_AGENT,
        },
        call.limitMs,
      )
    } catch (error) {
      throw new Error(`HTTP lifecycle hook (${path}) ${of} ${messageOf(error)}`, { cause: error })
    }
  } else if (handler.sleep) {
    const { seconds } = handler.sleep
    await parts.clock.sleep(Math.min(seconds * 1000, call.limitMs), ended)
    if (ended.aborted) throw new Error(`Sleep lifecycle hook (${seconds}) ${of} container terminated before sleep hook finished`)
  } else throw new Error(`Cannot run handler: invalid handler: ${JSON.stringify(handler)}`)
}
