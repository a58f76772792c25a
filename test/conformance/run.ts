import { Sessions } from './sessions.ts'

// node bin/node.cjs test/conformance/run.ts [--rewrite] [SESSION…]: plays transcripts, or renews them. Read what git shows afterwards.

const AT_ONCE = 2

const args = process.argv.slice(2)
const wanted = args.filter((arg) => !arg.startsWith('--'))
const sessions = await Sessions.open()
const names = sessions.names.filter((name) => wanted.length === 0 || wanted.includes(name))
let different = 0
try {
  if (names.length === 0) throw new Error(`no such session; there are ${sessions.names.join(', ')}`)
  if (sessions.kubectls.length === 0) throw new Error('sessions need kubectl 1.27 or newer')
  const waiting = names.values()
  const job = args.includes('--rewrite') ? renew : check
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (const name of waiting) await job(name)
    }),
  )
} finally {
  await sessions.close()
}
process.exit(different === 0 ? 0 : 1)

async function renew(name: string): Promise<void> {
  if (await sessions.rewrite(name)) process.stdout.write(`rewritten: ${name}\n`)
}

async function check(name: string): Promise<void> {
  for (const kubectl of sessions.kubectls) {
    const { expected, actual } = await sessions.compare(name, kubectl)
    if (expected === actual) continue
    different++
    process.stdout.write(`── ${name} with kubectl ${kubectl.version} prints otherwise:\n${differences(expected, actual)}\n`)
  }
}

/** Steps that print otherwise, both ways. */
function differences(expected: string, actual: string): string {
  const steps = (text: string): readonly string[] => text.split(/\n\n(?=## |\$ )/)
  const now = steps(actual)
  return steps(expected)
    .flatMap((step, index) => (step === now[index] ? [] : [`expected:\n${step}\nnow:\n${now[index] ?? ''}`]))
    .join('\n\n')
}
