import assert from 'node:assert/strict'
import { readFile, rename } from 'node:fs/promises'
import { isRuntimeError, type PromiseOf } from './pod-under-test.ts'

export function logPromises(promise: PromiseOf): void {
  promise(
    'a log that was renamed goes on in a new one of its name, and no line is lost or told twice',
    async (pod) => {
      const id = await pod.start({ args: ['i=0; while true; do i=$((i+1)); echo "<$i>"; sleep 0.02; done'] })
      await pod.logged(id, /<5>/)
      const { logPath } = await pod.container(id)
      for (const round of [1, 2]) {
        await rename(logPath, `${logPath}.${round}`)
        await pod.harness.runtime.reopenLog!(id)
        await pod.logged(id, /(<\d+>\n.*){5}/)
      }
      const texts = [await readFile(`${logPath}.1`, 'utf8'), await readFile(`${logPath}.2`, 'utf8'), await pod.log(id)]
      const numbers = [...texts.join('').matchAll(/ F <(\d+)>\n/g)].map(([, number]) => Number(number))
      assert.deepEqual(
        numbers,
        numbers.map((_, index) => index + 1),
      )
    },
    true,
  )
  promise('the log of a container that does not run is not opened anew', async (pod) => {
    const { runtime } = pod.harness
    const id = await pod.start({ args: ['exit 0'] })
    await pod.exited(id)
    await assert.rejects(runtime.reopenLog!(id), isRuntimeError('RuntimeUnavailable'))
    await assert.rejects(runtime.reopenLog!('0123456789abcdef'), isRuntimeError('RuntimeUnavailable'))
  })
}
