import { PC, PI } from '../../test/qemu/boards.ts'
import { FirstBoot, type FirstBootParts, whyNot } from '../../test/qemu/first-boot.ts'

/** From power on to a pod that runs, in emulated machines: when what happened, and what the idle node needs. Ten minutes for each. */
export async function boot(): Promise<void> {
  await oneBoot('Raspberry Pi, emulated (arm64)', PI)
  await oneBoot('PC, emulated (x64)', PC)
}

async function oneBoot(title: string, parts: FirstBootParts): Promise<void> {
  const reason = await whyNot(parts.arch)
  if (reason !== undefined) return console.log(`\n${title}: not measured: ${reason}`)
  const cleanUps: (() => Promise<void>)[] = []
  try {
    const machine = await FirstBoot.prepare({ after: (cleanUp) => void cleanUps.unshift(cleanUp), diagnostic: () => {} }, parts)
    await machine.start()
    for (const step of ['start', 'identity', 'bundle', 'agent-started']) await machine.firstBootStep(step)
    await machine.nodeIsReady()
    const memory = await machine.memory()
    await machine.applyPod()
    await machine.podSaysItsWords()
    await machine.cut()
    await machine.start()
    await machine.nodeIsReady()
    await machine.podSaysItsWords()
    console.log(`\n${title}\n\n${machine.timeline().join('\n')}\nmemory of the idle node: ${memory}`)
  } finally {
    for (const cleanUp of cleanUps) await cleanUp()
  }
}
