import assert from 'node:assert/strict'
import type { Duplex, Readable } from 'node:stream'
import { isRuntimeError, NEVER, type PromiseOf, text, Watched } from './pod-under-test.ts'

const MANY_BYTES = 24 << 20
const PIPED = { stdin: false, stdout: true, stderr: true, tty: false }
const TERMINAL = { stdin: true, stdout: true, stderr: false, tty: true }
const LISTENING = /:1F90 [0-9A-F:]+ 0A/

export function execPromises(promise: PromiseOf): void {
  promise('openExec keeps stdout and stderr apart and tells the exit code', async (pod) => {
    const id = await pod.start({ args: ['sleep 600'] })
    assert.deepEqual(await pod.run(id, ['/bin/sh', '-c', 'echo out; echo err >&2; exit 7']), {
      stdout: 'out\n',
      stderr: 'err\n',
      exitCode: 7,
    })
  })
  promise('openExec carries only the streams that were asked for', async (pod) => {
    const id = await pod.start({ args: ['sleep 600'] })
    const stdio = { stdin: false, stdout: false, stderr: true, tty: false }
    const process = await pod.harness.runtime.openExec(id, ['/bin/sh', '-c', 'echo out; echo err >&2; exit 1'], stdio, NEVER)
    assert.deepEqual([process.stdin, process.stdout], [undefined, undefined])
    const [stderr, { exitCode }] = await pod.passing(Promise.all([text(process.stderr!), process.ended]))
    assert.deepEqual([stderr, exitCode], ['err\n', 1])
  })
  promise('openExec passes on its input, and the end of it', async (pod) => {
    const id = await pod.start({ args: ['sleep 600'] })
    assert.deepEqual(await pod.run(id, ['cat'], 'one\ntwo'), { stdout: 'one\ntwo', stderr: '', exitCode: 0 })
  })
  promise('the end of the input does not end the output', async (pod) => {
    const id = await pod.start({ args: ['sleep 600'] })
    const { stdout, exitCode } = await pod.run(id, ['/bin/sh', '-c', 'cat; sleep 1; echo after; exit 3'], 'before\n')
    assert.deepEqual([stdout, exitCode], ['before\nafter\n', 3])
  })
  promise('openExec in a container that does not run is RuntimeUnavailable', async (pod) => {
    const { runtime } = pod.harness
    await assert.rejects(runtime.openExec(await pod.create({}), ['true'], PIPED, NEVER), isRuntimeError('RuntimeUnavailable'))
    await assert.rejects(runtime.openExec('0123456789abcdef', ['true'], PIPED, NEVER), isRuntimeError('RuntimeUnavailable'))
  })
  promise('aborting an exec ends it', async (pod) => {
    const id = await pod.start({ args: ['sleep 600'] })
    const stop = new AbortController()
    const process = await pod.harness.runtime.openExec(id, ['/bin/sh', '-c', 'echo up; sleep 500'], PIPED, stop.signal)
    const watched = new Watched(process, pod.harness.pause)
    await watched.prints(/up/)
    stop.abort()
    await assert.rejects(pod.passing(process.ended))
    await pod.until(
      async () => process.stdout!.destroyed || process.stdout!.readableEnded,
      (over) => over,
      'over',
    )
  })
  promise('a command that is not there ends with 127, one that may not be executed with 126', async (pod) => {
    const id = await pod.start({ args: ['sleep 600'] })
    assert.equal((await pod.run(id, ['/no/such/program'])).exitCode, 127)
    assert.equal((await pod.run(id, ['/etc'])).exitCode, 126)
  })
  promise(
    'large output arrives whole though the reader is slow, and is not kept in memory meanwhile',
    async (pod) => {
      const id = await pod.start({ args: ['sleep 600'] })
      const command = ['/bin/sh', '-c', `head -c ${MANY_BYTES} /dev/zero; echo done >&2`]
      const process = await pod.harness.runtime.openExec(id, command, PIPED, NEVER)
      for (let pauses = 0; pauses < 20; pauses++) await pod.harness.pause()
      assert.ok(process.stdout!.readableLength < MANY_BYTES / 8, `${process.stdout!.readableLength} bytes wait for the reader`)
      const [bytes, stderr, { exitCode }] = await Promise.all([
        countSlowly(process.stdout!, pod.harness.pause),
        text(process.stderr!),
        process.ended,
      ])
      assert.deepEqual([bytes, stderr, exitCode], [MANY_BYTES, 'done\n', 0])
    },
    true,
  )
  promise(
    'large input arrives whole though the command is slow',
    async (pod) => {
      const id = await pod.start({ args: ['sleep 600'] })
      const stdio = { ...PIPED, stdin: true }
      const process = await pod.harness.runtime.openExec(id, ['/bin/sh', '-c', 'sleep 0.3; wc -c'], stdio, NEVER)
      let waited = 0
      for (let sent = 0; sent < MANY_BYTES; sent += 1 << 20)
        if (!process.stdin!.write(Buffer.alloc(1 << 20))) {
          waited++
          await new Promise((resolve) => process.stdin!.once('drain', resolve))
        }
      process.stdin!.end()
      assert.equal((await text(process.stdout!)).trim(), String(MANY_BYTES))
      assert.ok(waited > 0, 'the writer is told to wait')
      assert.equal((await process.ended).exitCode, 0)
    },
    true,
  )
  promise(
    'a terminal has the size that it is given, also when that changes, and joins the outputs',
    async (pod) => {
      const id = await pod.start({ args: ['sleep 600'] })
      const process = await pod.harness.runtime.openExec(id, ['/bin/sh'], TERMINAL, NEVER)
      const shell = new Watched(process, pod.harness.pause)
      assert.equal(process.stderr, undefined)
      for (const [width, height] of [
        [101, 31],
        [77, 22],
      ] as const) {
        process.resize({ width, height })
        await pod.until(
          async () => {
            process.stdin!.write('stty size\n')
            return shell.seen
          },
          (seen) => seen.includes(`\n${height} ${width}`),
          'resized',
        )
      }
      process.stdin!.write('echo err >&2; test -t 0 && echo terminal; exit 5\n')
      assert.equal((await process.ended).exitCode, 5)
      assert.match(shell.seen, /\nerr\r\n(?:[\s\S]*\n)?terminal\r\n/)
    },
    true,
  )
}

export function attachPromises(promise: PromiseOf): void {
  promise('openAttach carries what the container reads and prints from then on', async (pod) => {
    const id = await pod.start({ command: ['cat'], args: [], stdin: true, stdinOnce: true })
    const attached = await pod.attach(id)
    attached.process.stdin!.write('hello\n')
    await attached.prints(/^hello\n$/)
    attached.process.stdin!.end('bye\n')
    assert.equal((await pod.passing(attached.process.ended)).exitCode, 0)
    assert.equal(attached.seen, 'hello\nbye\n')
    assert.equal((await pod.exited(id)).exitCode, 0, 'the end of its input ended it')
    await pod.logged(id, /stdout F bye\n/)
  })
  promise('whose stdin is not for once can be attached to again', async (pod) => {
    const id = await pod.start({ command: ['cat'], args: [], stdin: true, stdinOnce: false })
    for (const words of ['first', 'second']) {
      const stop = new AbortController()
      const attached = await pod.attach(id, {}, stop.signal)
      attached.process.stdin!.write(`${words}\n`)
      await attached.prints(new RegExp(`^${words}\n$`))
      attached.process.stdin!.end()
      await pod.harness.pause()
      stop.abort()
      await pod.passing(attached.process.ended).catch(() => {})
    }
    const { state, exitCode } = await pod.container(id)
    assert.deepEqual([state, exitCode], ['running', undefined])
  })
  promise('who is attached is told when the container ends', async (pod) => {
    const id = await pod.start({ args: ['sleep 600'] })
    const attached = await pod.attach(id, { stdin: false })
    await pod.harness.runtime.stopContainer(id, 0)
    assert.equal((await pod.passing(attached.process.ended)).exitCode, 0)
  })
  promise('openAttach to a container that does not run is RuntimeUnavailable', async (pod) => {
    const stdio = { stdin: false, stdout: true, stderr: true, tty: false }
    await assert.rejects(pod.harness.runtime.openAttach(await pod.create({}), stdio, NEVER), isRuntimeError('RuntimeUnavailable'))
  })
  promise(
    'a container with a terminal is attached to with one',
    async (pod) => {
      const id = await pod.start({ command: ['/bin/sh'], args: [], stdin: true, tty: true })
      const attached = await pod.attach(id, { tty: true, stderr: false })
      attached.process.resize({ width: 99, height: 33 })
      await pod.until(
        async () => {
          attached.process.stdin!.write('stty size\n')
          return attached.seen
        },
        (seen) => seen.includes('\n33 99'),
        'resized',
      )
      attached.process.stdin!.write('exit 4\n')
      await attached.process.ended
      assert.equal((await pod.exited(id)).exitCode, 4)
    },
    true,
  )
}

export function portPromises(promise: PromiseOf): void {
  promise('a port carries bytes both ways', async (pod) => {
    const id = await pod.start({ args: ['nc -ll -p 8080 -e cat'] })
    await pod.listens(id, LISTENING)
    const connection = await pod.harness.runtime.openPort(await pod.sandbox(), 8080, NEVER)
    connection.write('ping\n')
    assert.equal(await pod.passing(take(connection, 5)), 'ping\n')
    connection.destroy()
  })
  promise('a port of a pod that is not there is a RuntimeError', async ({ harness: { runtime } }) => {
    await assert.rejects(runtime.openPort('no-such-sandbox', 8080, NEVER), { name: 'RuntimeError' })
  })
  promise(
    'a port where nothing listens is refused',
    async (pod) => {
      await pod.start({})
      await assert.rejects(pod.harness.runtime.openPort(await pod.sandbox(), 8081, NEVER), { name: 'RuntimeError', message: /refused/i })
    },
    true,
  )
  promise(
    'a port reaches what listens on the loopback of the pod alone, and gives all of it to a slow reader',
    async (pod) => {
      const id = await pod.start({ args: [`mkdir /www; head -c ${MANY_BYTES} /dev/zero > /www/big; httpd -f -p 127.0.0.1:8080 -h /www`] })
      await pod.listens(id, LISTENING)
      const connections = await Promise.all([1, 2].map(async () => pod.harness.runtime.openPort(await pod.sandbox(), 8080, NEVER)))
      for (const connection of connections) {
        connection.write('GET /big HTTP/1.0\r\n\r\n')
        assert.ok((await countSlowly(connection, pod.harness.pause)) > MANY_BYTES)
        connection.destroy()
      }
    },
    true,
  )
  promise(
    'the half-close of a port is passed on',
    async (pod) => {
      const id = await pod.start({ args: ['nc -ll -p 8080 -e sh -c "wc -c"'] })
      await pod.listens(id, LISTENING)
      const connection = await pod.harness.runtime.openPort(await pod.sandbox(), 8080, NEVER)
      connection.end(Buffer.alloc(1 << 20))
      assert.equal((await pod.passing(text(connection))).trim(), String(1 << 20))
    },
    true,
  )
  promise(
    'the ports of a pod on the host network are those of the host',
    async (pod) => {
      await pod.sandbox({ hostNetwork: true })
      const id = await pod.start({ args: ['nc -ll -p 8080 -e cat'] })
      await pod.listens(id, LISTENING)
      const connection = await pod.harness.runtime.openPort(await pod.sandbox(), 8080, NEVER)
      connection.write('ping\n')
      assert.equal(await pod.passing(take(connection, 5)), 'ping\n')
      connection.destroy()
    },
    true,
  )
}

async function countSlowly(stream: Readable, pause: () => Promise<void>): Promise<number> {
  let bytes = 0
  let chunks = 0
  for await (const chunk of stream) {
    bytes += (chunk as Buffer).length
    if (chunks++ % 50 === 0) await pause()
  }
  return bytes
}

/** The first bytes; the stream stays open. */
function take(stream: Duplex, bytes: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let seen = ''
    stream.once('error', reject)
    stream.on('data', (chunk: Buffer) => {
      seen += chunk.toString()
      if (seen.length >= bytes) resolve(seen)
    })
  })
}
