import { stdin, stdout, stderr } from 'node:process'
import { createInterface } from 'node:readline/promises'

/** Whether somebody sits there who can be asked. */
export const isInteractive = (): boolean => stdin.isTTY === true && stdout.isTTY === true

/** @returns the answer without blanks around. @param signal Ends the question. @throws Error when the terminal is closed, or Ctrl-C typed. */
export function ask(question: string, signal: AbortSignal): Promise<string> {
  const lines = createInterface({ input: stdin, output: stdout })
  return new Promise<string>((resolve, reject) => {
    lines.once('SIGINT', () => reject(new Error('stopped')))
    lines.once('close', () => reject(new Error('stopped: there is no answer to be had')))
    lines.question(question, { signal }).then((answer) => resolve(answer.trim()), reject)
  }).finally(() => lines.close())
}

const ENTER = new Set(['\r', '\n', '\u0004'])
const ERASE = new Set(['\b', '\u007f'])
const INTERRUPT = '\u0003'

/** Asks for a secret: nothing of it is shown. @param signal Ends the question; so does Ctrl-C. */
export function askSecret(question: string, signal: AbortSignal): Promise<string> {
  stderr.write(question)
  return new Promise((resolve, reject) => {
    let typed: readonly string[] = []
    const end = (): void => {
      stdin.off('data', take)
      signal.removeEventListener('abort', stop)
      stdin.setRawMode(false)
      stdin.pause()
      stderr.write('\n')
    }
    const stop = (): void => {
      end()
      reject(new Error('stopped'))
    }
    const take = (chunk: string): void => {
      for (const key of chunk) {
        if (key === INTERRUPT) return stop()
        if (ENTER.has(key)) {
          end()
          return resolve(typed.join(''))
        }
        typed = ERASE.has(key) ? typed.slice(0, -1) : [...typed, key]
      }
    }
    stdin.setRawMode(true)
    stdin.setEncoding('utf8')
    stdin.on('data', take)
    stdin.resume()
    signal.addEventListener('abort', stop, { once: true })
  })
}
