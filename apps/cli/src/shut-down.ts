import { connect } from 'node:net'
import { SHUTDOWN_SOCKET } from '../../node-agent/src/config.ts'

/** The agent ends the pods within its own periods, of an hour at most each; this is for one that hangs. */
const LIMIT_MS = 3 * 3_600_000
const ANSWER_BYTES_MAX = 1 << 20

/**
 * Tells the agent of this machine that the machine goes down, and waits until its pods have ended.
 * @throws Error when no agent runs here, or pods did not end in time.
 */
export async function shutDown(socketPath: string = SHUTDOWN_SOCKET): Promise<void> {
  const { left = [], error } = JSON.parse(await ask(socketPath)) as { left?: readonly string[]; error?: string }
  if (error !== undefined) throw new Error(`the pods of this machine could not be stopped: ${error}`)
  if (left.length > 0) throw new Error(`these pods did not end in time: ${left.join(', ')}`)
}

const ask = (path: string): Promise<string> =>
  new Promise((resolve, reject) => {
    let answer = ''
    const socket = connect({ path })
    socket.setEncoding('utf8')
    socket.setTimeout(LIMIT_MS, () => socket.destroy(new Error('the agent does not answer')))
    socket.on('connect', () => socket.write('shut down\n'))
    socket.on('data', (text: string) => {
      answer += text
      if (answer.length > ANSWER_BYTES_MAX) socket.destroy(new Error('the agent says too much'))
    })
    socket.on('end', () => (answer === '' ? reject(new Error('the agent ended before its pods did')) : resolve(answer)))
    socket.on('error', (error: NodeJS.ErrnoException) =>
      reject(
        error.code === 'ENOENT' || error.code === 'ECONNREFUSED' ? new Error('no agent runs on this machine', { cause: error }) : error,
      ),
    )
  })
