import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Lab } from '../test/e2e/lab/lab.ts'
import { waitFor } from '../test/e2e/wait.ts'

const RELAY = `const net = require('net'), [path, host, port] = process.argv.slice(1)
net.createServer((near) => {
  const far = net.connect({ host, port: Number(port), noDelay: true })
  near.pipe(far).pipe(near)
  near.on('error', () => far.destroy()).on('close', () => far.destroy())
  far.on('error', () => near.destroy()).on('close', () => near.destroy())
}).listen(path)
setInterval(() => require('fs').existsSync(path) || process.exit(), 1000)`

/** A socket file whose connections come out on a host of the laboratory, as connections to `ip:port`. Ends with the laboratory. */
export async function relay(lab: Lab, from: string, ip: string, port: number): Promise<string> {
  const path = join(lab.disk(from), '..', `${from}-${ip}-${port}.sock`)
  await lab.spawn(from, [process.execPath, '-e', RELAY, path, ip, String(port)])
  await waitFor('the relay to listen', async () => existsSync(path))
  return path
}
