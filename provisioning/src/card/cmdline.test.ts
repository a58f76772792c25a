import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { CGROUP_EDITS, type CmdlineEdit, editCmdline, wordsOf } from './cmdline.ts'

const run: readonly CmdlineEdit[] = [{ add: 'systemd.run=-/ours', before: 'systemd.run=' }, { set: 'systemd.run_success_action=reboot' }]
const cases: readonly {
  readonly name: string
  readonly before: string
  readonly edits?: readonly CmdlineEdit[]
  readonly after: string
}[] = [
  {
    name: 'adds what is not there',
    before: 'root=/dev/x rootwait\n',
    after: 'root=/dev/x rootwait cgroup_enable=memory cgroup_memory=1\n',
  },
  {
    name: 'leaves what is there',
    before: 'cgroup_memory=1 a cgroup_enable=memory b\n',
    after: 'cgroup_memory=1 a cgroup_enable=memory b\n',
  },
  {
    name: 'turns what is switched off on',
    before: 'a cgroup_disable=memory cgroup_memory=0 b\n',
    after: 'a cgroup_memory=1 b cgroup_enable=memory\n',
  },
  {
    name: 'leaves other cgroups alone',
    before: 'cgroup_enable=cpuset\n',
    after: 'cgroup_enable=cpuset cgroup_enable=memory cgroup_memory=1\n',
  },
  { name: 'ends a line that had no end', before: 'a', after: 'a cgroup_enable=memory cgroup_memory=1\n' },
  { name: 'makes a line of an empty file', before: '', after: 'cgroup_enable=memory cgroup_memory=1\n' },
  { name: 'keeps the line end of Windows', before: 'a\r\n', after: 'a cgroup_enable=memory cgroup_memory=1\r\n' },
  {
    name: 'edits the first line alone',
    before: 'a\n# cgroup_memory=0\n',
    after: 'a cgroup_enable=memory cgroup_memory=1\n# cgroup_memory=0\n',
  },
  { name: 'drops the mark that editors of Windows make', before: '\uFEFFa\n', after: 'a cgroup_enable=memory cgroup_memory=1\n' },
  { name: 'keeps quoted blanks', before: 'a="b c"  d\n', edits: [{ add: 'e' }], after: 'a="b c" d e\n' },
  {
    name: 'goes before somebody else’s command',
    before: 'a systemd.run=/b.sh\n',
    edits: run,
    after: 'a systemd.run=-/ours systemd.run=/b.sh systemd.run_success_action=reboot\n',
  },
  { name: 'sets one of two', before: 'ds=a b ds=c\n', edits: [{ set: 'ds=nocloud;i=1' }], after: 'ds=nocloud;i=1 b\n' },
]

for (const { name, before, edits = CGROUP_EDITS, after } of cases)
  test(`cmdline.txt: ${name}`, () => {
    assert.equal(editCmdline(before, edits), after)
    assert.equal(editCmdline(after, edits), after, 'twice is once')
  })

test('cmdline.txt stays one line with every word it had, and a second time changes nothing', () => {
  const word = fc.constantFrom(
    'root=/dev/a',
    'quiet',
    'cgroup_memory=0',
    'cgroup_enable=memory',
    'cgroup_disable=memory',
    'systemd.run=/x',
    'ds=b',
    'z="q r"',
  )
  fc.assert(
    fc.property(fc.array(word), fc.constantFrom('\n', '\r\n', '', '\n\n'), (words, end) => {
      const edits = [...CGROUP_EDITS, ...run]
      const once = editCmdline(words.join(' ') + end, edits)
      assert.equal(editCmdline(once, edits), once)
      const after = wordsOf(once.split(/\r?\n/)[0]!)
      for (const kept of ['root=/dev/a', 'quiet', 'systemd.run=/x', 'ds=b', 'z="q r"'])
        assert.equal(after.filter((one) => one === kept).length, words.filter((one) => one === kept).length, kept)
      assert.equal(once.trimEnd().split('\n').length, 1)
    }),
    { seed: 5 },
  )
})
