import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createLab, type Lab } from '../../test/e2e/lab/lab.ts'
import { HELLO_PORT } from './build.ts'

const BUILD = [process.execPath, `${import.meta.dirname}/build.ts`]
const RUN = [
  'podman',
  'run',
  '--detach',
  '--name',
  'hello',
  '--network',
  'host',
  '--ulimit',
  'nofile=1024:1024',
  '--ulimit',
  'nproc=1024:1024',
  '--env',
  'POD_NAME=hello-1',
  '--env',
  'NODE_NAME=pi-1',
  '--env',
  'POD_IP=10.42.0.9',
  'localhost/hello',
]
const ASK = `const until = performance.now() + 5000
const ask = () => fetch('http://127.0.0.1:${HELLO_PORT}/').then(async (answer) => process.stdout.write(answer.status + ' ' + await answer.text()))
  .catch((error) => performance.now() < until ? setTimeout(ask, 20) : Promise.reject(error))
ask()`

describe('the images that need no registry', {
  skip: process.getuid?.() === 0 ? false : 'needs root for namespaces',
  timeout: 120_000,
}, () => {
  let lab: Lab
  before(async () => {
    lab = await createLab({ hosts: 1, name: 'brt-images' })
  })
  after(() => lab.down())

  it('are built once and then up to date', async () => {
    assert.match(
      (await lab.run('h1', BUILD)).stdout,
      /^localhost\/hello:latest sha256:\S+ built\nlocalhost\/busybox:latest sha256:\S+ built\n$/,
    )
    assert.match(
      (await lab.run('h1', BUILD)).stdout,
      /^localhost\/hello:latest sha256:\S+ is up to date\nlocalhost\/busybox:latest sha256:\S+ is up to date\n$/,
    )
  })

  it('hello tells pod, node and address, and ends at once when it is told to', async () => {
    await lab.run('h1', RUN)
    const answer = (await lab.run('h1', [process.execPath, '-e', ASK])).stdout
    assert.equal(answer, '200 Hello from pod hello-1 on node pi-1, address 10.42.0.9.\nYou are 127.0.0.1.\n')
    await lab.run('h1', ['podman', 'stop', '--time', '60', 'hello'], { timeoutMs: 20_000 })
    assert.equal((await lab.run('h1', ['podman', 'inspect', '--format', '{{.State.ExitCode}}', 'hello'])).stdout, '0\n')
    assert.match((await lab.run('h1', ['podman', 'logs', 'hello'])).stdout, /serving on port 8080/)
  })
})
