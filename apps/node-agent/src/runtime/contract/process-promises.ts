import assert from 'node:assert/strict'
import { isRuntimeError, type PromiseOf } from './pod-under-test.ts'

export function processPromises(promise: PromiseOf): void {
  promise('output is written to the log path in CRI format, by stream', async (pod) => {
    const id = await pod.start({ args: ['echo one; echo two >&2; exit 0'] })
    await pod.exited(id)
    await pod.logged(id, /two/)
    const lines = (await pod.log(id))
      .trimEnd()
      .split('\n')
      .map((line) => line.split(' '))
    for (const [time] of lines) assert.match(time!, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,9}(Z|[+-]\d\d:\d\d)$/)
    assert.deepEqual(lines.map((line) => line.slice(1).join(' ')).sort(), ['stderr F two', 'stdout F one'])
  })
  promise('exec returns the exit code and what was printed', async (pod) => {
    const id = await pod.start({ args: ['sleep 600'] })
    assert.deepEqual(await pod.harness.runtime.exec(id, ['/bin/sh', '-c', 'echo fine; exit 7'], 10_000), { exitCode: 7, output: 'fine\n' })
  })
  promise('exec that takes too long is an ExecTimeout', async (pod) => {
    const id = await pod.start({ args: ['sleep 600'] })
    await assert.rejects(pod.passing(pod.harness.runtime.exec(id, ['/bin/sh', '-c', 'sleep 60'], 300)), isRuntimeError('ExecTimeout'))
  })
  promise(
    'environment, arguments, working directory and mounts reach the process',
    async (pod) => {
      const { folder, real } = pod.harness
      await real!.writeFile(`${folder}/greeting`, 'good morning')
      const id = await pod.start({
        args: ['echo "$WHO|$1|$(pwd)|$(cat /data/greeting)"; echo x > /data/greeting; exit $?', 'name', 'a b$c'],
        env: [{ name: 'WHO', value: 'a "pod" = $HOME' }],
        workingDirectory: '/tmp',
        mounts: [{ hostPath: folder, containerPath: '/data', readOnly: true }],
      })
      assert.notEqual((await pod.exited(id)).exitCode, 0, 'a read-only mount cannot be written')
      await pod.logged(id, /stdout F a "pod" = \$HOME\|a b\$c\|\/tmp\|good morning\n/)
    },
    true,
  )
  promise(
    'containers of one pod share its network and its host name',
    async (pod) => {
      const server = await pod.start({ name: 'server', args: ['echo up; sleep 600'] })
      const client = await pod.start({ name: 'client', args: ['hostname; cat /proc/net/route; sleep 600'] })
      const name = async (id: string): Promise<string> =>
        (await pod.harness.runtime.exec(id, ['/bin/sh', '-c', 'hostname; readlink /proc/self/ns/net'], 10_000)).output
      assert.equal(await name(server), await name(client))
      assert.match(await name(server), /^web\n/)
    },
    true,
  )
}
