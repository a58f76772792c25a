import { compare, kubectlsForSessions, rewrite, sessionNames } from './sessions.ts'

// node bin/node.cjs test/conformance/run.ts [--rewrite] [SESSION…]: plays transcripts, or renews them. Read what git shows afterwards.

const args = process.argv.slice(2)
const wanted = args.filter((arg) => !arg.startsWith('--'))
const names = (await sessionNames()).filter((name) => wanted.length === 0 || wanted.includes(name))
const kubectls = await kubectlsForSessions()
if (names.length === 0) throw new Error(`no such session; there are ${(await sessionNames()).join(', ')}`)
if (kubectls.length === 0) throw new Error('sessions need kubectl 1.27 or newer')

let different = 0
for (const name of names)
  if (args.includes('--rewrite')) {
    if (await rewrite(name, kubectls)) process.stdout.write(`rewritten: ${name}\n`)
  } else
    for (const kubectl of kubectls) {
      const { expected, actual } = await compare(name, kubectl)
      if (expected === actual) continue
      different++
      process.stdout.write(`── ${name} with kubectl ${kubectl.version} prints otherwise:\n${differences(expected, actual)}\n`)
    }
process.exit(different === 0 ? 0 : 1)

/** Steps that print otherwise, both ways. */
function differences(expected: string, actual: string): string {
  const steps = (text: string): readonly string[] => text.split(/\n\n(?=## |\$ )/)
  const now = steps(actual)
  return steps(expected)
    .flatMap((step, index) => (step === now[index] ? [] : [`expected:\n${step}\nnow:\n${now[index] ?? ''}`]))
    .join('\n\n')
}
