import { PassThrough, Readable } from 'node:stream'
import type { Clock } from '@bramble/reconcile/env'
import type { RemoteProcess, Stdio } from '@bramble/streams/remote-process'
import type { FakeScript } from './fake-script.ts'

/** Plays a script to somebody who watches; what comes in on stdin goes out on stdout first. */
export function fakeProcess(script: FakeScript, stdio: Stdio, clock: Clock, signal: AbortSignal): RemoteProcess {
  const out = new PassThrough()
  const err = new PassThrough()
  const stdin = stdio.stdin ? new PassThrough() : undefined
  const play = async (): Promise<void> => {
    if (stdin) for await (const chunk of Readable.from(stdin)) out.write(chunk)
    for (const action of script.actions) {
      if (signal.aborted) break
      if (action.type === 'print') (action.stream === 'stderr' && !stdio.tty ? err : out).write(`${action.text}\n`)
      else await clock.sleep(action.ms, signal)
    }
    out.end()
    err.end()
  }
  return {
    ...(stdin && { stdin }),
    ...(stdio.stdout && { stdout: out }),
    ...(stdio.stderr && !stdio.tty && { stderr: err }),
    resize: () => {},
    ended: play().then(() => ({ exitCode: script.exitCode })),
  }
}
