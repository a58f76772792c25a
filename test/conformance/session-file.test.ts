import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { expectedOutputs, formatSession, parseSession, withOutputs } from './session-file.ts'

const FILE = `## What it shows.
## In two lines.
$ cat > a.yaml <<EOF
$ this is no command
EOF

$ kubectl version
[kubectl 1.27]
old

and more
[exit 1]
[kubectl 1.33]
new

$ echo one; \\
echo two
one
two
`

test('a transcript has comments, commands with here documents and continued lines, and what is printed', () => {
  const steps = parseSession(FILE)
  assert.deepEqual(steps, [
    {
      comment: ['What it shows.', 'In two lines.'],
      command: 'cat > a.yaml <<EOF\n$ this is no command\nEOF',
      outputs: [{ since: undefined, text: '' }],
    },
    {
      comment: [],
      command: 'kubectl version',
      outputs: [
        { since: '1.27', text: 'old\n\nand more\n[exit 1]' },
        { since: '1.33', text: 'new' },
      ],
    },
    { comment: [], command: 'echo one; \\\necho two', outputs: [{ since: undefined, text: 'one\ntwo' }] },
  ])
  assert.equal(formatSession(steps), FILE)
})

test('output before the first command is no transcript', () => {
  assert.throws(() => parseSession('what?\n$ ls\n'), /line 1: output without a command: what\?/)
})

test('every transcript here is written as it would be written anew', () => {
  const folder = new URL('sessions/', import.meta.url)
  for (const name of readdirSync(folder)) {
    const text = readFileSync(new URL(name, folder), 'utf8')
    assert.equal(formatSession(parseSession(text)), text, name)
  }
})

const [, step] = parseSession(FILE)
const accepted = [
  { version: '1.27', texts: ['old\n\nand more\n[exit 1]'], why: 'its own section' },
  { version: '1.33', texts: ['new'], why: 'its own section' },
  { version: '1.40', texts: ['new'], why: 'the newest there is' },
  { version: '1.30', texts: ['old\n\nand more\n[exit 1]', 'new'], why: 'either of its neighbours' },
]
for (const { version, texts, why } of accepted)
  test(`kubectl ${version} should print ${why}`, () => assert.deepEqual(expectedOutputs(step!, version), texts))

test('what all print alike stands once, what differs stands by version', () => {
  const alike = withOutputs(
    step!,
    new Map([
      ['1.33', 'x'],
      ['1.27', 'x'],
    ]),
  )
  assert.deepEqual(alike.outputs, [{ since: undefined, text: 'x' }])
  const different = withOutputs(
    step!,
    new Map([
      ['1.33', 'y'],
      ['1.27', 'x'],
    ]),
  )
  assert.deepEqual(different.outputs, [
    { since: '1.27', text: 'x' },
    { since: '1.33', text: 'y' },
  ])
})
