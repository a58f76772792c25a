import { PassThrough, type Readable, Writable } from 'node:stream'
import type { Clock } from '@bramble/reconcile/env'
import type { RemoteProcess, Stdio } from '@bramble/streams/remote-process'
import { RuntimeError } from '../runtime.ts'
import type { FakeScript } from './fake-script.ts'

export interface FakeStreams {
  /** Absent: nothing to read. */
  readonly input: Readable | undefined
  readonly print: (stream: 'stdout' | 'stderr', text: string) => void
}

/** Plays a script to its end, or until `signal` aborts. */
export async function play(script: FakeScript, { input, print }: FakeStreams, clock: Clock, signal: AbortSignal): Promise<void> {
  for (const action of script.actions) {
    if (signal.aborted) return
    if (action.type === 'print') print(action.stream, `${action.text}\n`)
    else if (action.type === 'sleep') await clock.sleep(action.ms, signal)
    else if (input) await copy(input, print, signal)
  }
}

async function copy(input: Readable, print: FakeStreams['print'], signal: AbortSignal): Promise<void> {
  const stop = (): void => void input.destroy()
  signal.addEventListener('abort', stop, { once: true })
  try {
    for await (const chunk of input) print('stdout', (chunk as Buffer).toString())
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

/** Plays a script to somebody who watches. */
export function fakeProcess(script: FakeScript, stdio: Stdio, clock: Clock, signal: AbortSignal): RemoteProcess {
  const input = stdio.stdin ? new PassThrough() : undefined
  const outputs = outputsFor(stdio)
  const end = async (): Promise<{ readonly exitCode: number }> => {
    await play(script, { input, print: outputs.print }, clock, signal)
    outputs.end(signal)
    return { exitCode: script.exitCode }
  }
  return processOf(input, outputs, end())
}

/** A container that somebody can be attached to. */
export interface FakeTerminal {
  readonly input: PassThrough | undefined
  readonly stdinOnce: boolean
  readonly watchers: Set<FakeStreams['print']>
  readonly death: AbortSignal
}

/** Somebody at a container's own streams, until it dies or `signal` aborts. */
export function fakeAttached(container: FakeTerminal, stdio: Stdio, signal: AbortSignal): RemoteProcess {
  const outputs = outputsFor(stdio)
  const { input, stdinOnce, watchers, death } = container
  const stdin = stdio.stdin && input ? feeding(input, stdinOnce) : undefined
  watchers.add(outputs.print)
  const end = (async () => {
    await new Promise<void>((resolve) => {
      for (const each of [death, signal]) each.addEventListener('abort', () => resolve(), { once: true })
    })
    watchers.delete(outputs.print)
    outputs.end(signal)
    return { exitCode: 0 }
  })()
  return processOf(stdin, outputs, end)
}

const feeding = (input: PassThrough, isOnce: boolean): Writable =>
  new Writable({
    write: (chunk: Buffer, _encoding, done) => void input.write(chunk, done),
    final: (done) => {
      if (isOnce) input.end()
      done()
    },
  })

interface Outputs {
  readonly stdout: PassThrough | undefined
  readonly stderr: PassThrough | undefined
  readonly print: FakeStreams['print']
  /** @throws RuntimeError when it was aborted. */
  readonly end: (signal: AbortSignal) => void
}

function outputsFor(stdio: Stdio): Outputs {
  const stdout = stdio.stdout ? new PassThrough() : undefined
  const stderr = stdio.stderr && !stdio.tty ? new PassThrough() : undefined
  return {
    stdout,
    stderr,
    print: (stream, text) => void (stream === 'stderr' && !stdio.tty ? stderr : stdout)?.write(text),
    end: (signal) => {
      for (const stream of [stdout, stderr])
        if (signal.aborted) stream?.destroy()
        else stream?.end()
      if (signal.aborted) throw new RuntimeError('RuntimeUnavailable', 'it was let go of')
    },
  }
}

function processOf(stdin: Writable | undefined, { stdout, stderr }: Outputs, ended: Promise<{ readonly exitCode: number }>): RemoteProcess {
  ended.catch(() => {}) // who does not look at it does not care
  return { ...(stdin && { stdin }), ...(stdout && { stdout }), ...(stderr && { stderr }), resize: () => {}, ended }
}
