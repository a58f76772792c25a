import assert from 'node:assert/strict'
import { test } from 'node:test'
import { orphans, readAll, sourceFiles, tidy } from './tidy.ts'

const files = sourceFiles()
const texts = readAll(files)

test('the code keeps the rules of the house', () => {
  assert.deepEqual(
    files.filter((path) => path !== 'tools/tidy.test.ts').flatMap((path) => tidy(path, texts.get(path)!)),
    [],
  )
})

test('every source file is used', () => assert.deepEqual(orphans(files, texts), []))

const cases = [
  { name: 'a clock behind the back of Env', path: 'apps/node-agent/src/pods/x.ts', line: 'const t = Date.now()', because: /Env/ },
  {
    name: 'a program that imports the other',
    path: 'apps/node-agent/src/x.ts',
    line: "import { a } from '../../control-plane/src/a.ts'",
    because: /never import each other/,
  },
  {
    name: 'a controller that reads the store',
    path: 'apps/control-plane/src/controllers/x.ts',
    line: "import { Store } from '../store/store.ts'",
    because: /ApiClient/,
  },
  {
    name: 'an adapter that knows who uses it',
    path: 'apps/node-agent/src/runtime/x.ts',
    line: "import { p } from '../pods/plan.ts'",
    because: /who uses them/,
  },
  {
    name: 'a plan that waits',
    path: 'apps/control-plane/src/controllers/a/plan.ts',
    line: 'export async function plan() {}',
    because: /pure/,
  },
]
for (const { name, path, line, because } of cases)
  test(`it complains about ${name}`, () => assert.match(tidy(path, line).join('\n'), because))

test('it complains about a long file', () => assert.match(tidy('a/src/b.ts', 'x\n'.repeat(401)).join('\n'), /401 lines, at most 400/))
