// A program of its own, which the agent starts in the network of a pod: it connects to ports of the pod's loopback and hands the
// connections over. Bytes never pass through it. It ends with the agent, or when it is told to.
import { Socket } from 'node:net'

export interface DialRequest {
  readonly id: number
  readonly port: number
}
export interface DialAnswer {
  readonly id: number
  /** Absent: the connection comes along. */
  readonly problem?: string
}

const LOOPBACKS = ['127.0.0.1', '::1']

if (import.meta.main) {
  process.on('message', (request: DialRequest) => void answer(request))
  process.on('disconnect', () => process.exit())
}

async function answer({ id, port }: DialRequest): Promise<void> {
  const problems: string[] = []
  for (const host of LOOPBACKS) {
    const connected = await dial(host, port)
    if (typeof connected !== 'string') return void process.send!({ id }, connected)
    problems.push(connected)
  }
  process.send!({ id, problem: problems.join(', ') })
}

/** The connection, or why there is none. Nothing is read from it here. */
function dial(host: string, port: number): Promise<Socket | string> {
  return new Promise((resolve) => {
    const socket = new Socket({ allowHalfOpen: true })
    socket.pause()
    socket.once('error', (error) => resolve(error.message))
    socket.connect({ host, port }, () => resolve(socket))
  })
}
