// An agent that runs commands in a container, says so and waits to be killed: `node agent-that-dies.fixture.ts CONTAINER`
import { systemClock } from '@bramble/reconcile/env'
import { silentLog } from '@bramble/reconcile/log'
import { CniNetwork } from '../../network/pod-network/cni-network.ts'
import { PodmanRuntime } from './podman-runtime.ts'

if (import.meta.main) {
  const { signal } = new AbortController()
  const runtime = new PodmanRuntime({ network: new CniNetwork(), clock: systemClock, log: silentLog })
  const stdio = { stdin: false, stdout: true, stderr: false }
  await runtime.openExec(process.argv[2]!, ['sleep', '671'], { ...stdio, tty: false }, signal)
  const shell = await runtime.openExec(process.argv[2]!, ['sleep', '672'], { ...stdio, tty: true }, signal)
  void runtime.exec(process.argv[2]!, ['sleep', '673'], 60_000).catch(() => {})
  shell.stdout!.resume()
  await systemClock.sleep(300)
  process.stdout.write(`${process.pid}\n`)
  await systemClock.sleep(60_000)
}
