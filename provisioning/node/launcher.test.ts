import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { LauncherBench } from './launcher.fixture.ts'

const LIMIT = { timeout: 60_000 }

/** A machine that runs 1.0 and has a release 2.0 as well. */
function bench(script?: string, more: Readonly<Record<string, string>> = {}): LauncherBench {
  const it = new LauncherBench()
  it.release('1.0')
  it.point('current', '1.0')
  it.release('2.0', script, more)
  return it
}
/** What runs in the end. */
const runs = (it: LauncherBench): string | undefined => it.launch(['run']).stdout.trim().split('\n').at(-1)

test('a release that proves itself stays, and the one before is kept', LIMIT, () => {
  using it = bench()
  assert.equal(runs(it), 'ran 1.0')
  assert.equal(it.launch(['stage', '2.0']).exitCode, 0)
  assert.equal(runs(it), 'ran 2.0')
  assert.equal(it.launch(['commit', '2.0']).exitCode, 0)
  for (let start = 0; start < 5; start++) assert.equal(runs(it), 'ran 2.0')
  assert.deepEqual([it.link('previous'), it.read('agent/trial')], ['1.0', undefined])
})

test('a release that crashes has three starts, is named with the reason and refused until somebody forgets', LIMIT, () => {
  using it = bench('exit 7')
  it.launch(['stage', '2.0'])
  assert.equal(it.launch(['run']).stdout, 'ran 2.0\nran 2.0\nran 2.0\nran 1.0\n')
  assert.equal(it.read('agent/bad/2.0'), 'crashed 3 times, the last time with exit code 7\n')
  assert.match(it.launch(['status']).stdout, /^current 1\.0\n(.*\n)*bad 2\.0 crashed 3 times/)

  const refused = it.launch(['stage', '2.0'])
  assert.deepEqual([refused.exitCode, /crashed 3 times.*forget 2\.0/.test(refused.stderr)], [3, true])
  assert.equal(it.launch(['forget', '2.0']).exitCode, 0)
  assert.equal(it.launch(['stage', '2.0']).exitCode, 0)
})

test('a release that hangs is ended at its deadline', LIMIT, () => {
  using it = bench('exec /bin/sleep 1000')
  it.launch(['stage', '2.0', '1'])
  assert.equal(it.launch(['run']).stdout, 'ran 2.0\nran 1.0\n')
  assert.equal(it.read('agent/bad/2.0'), 'not healthy within 1 s\n')
})

test('a release that never reached the server is left without a mark, and counted', LIMIT, () => {
  using it = bench('echo waiting >$BRAMBLE_SLOT/note; exec /bin/sleep 1000')
  for (const times of [1, 2]) {
    assert.equal(it.launch(['stage', '2.0', '1']).exitCode, 0)
    assert.equal(it.launch(['run']).stdout, 'ran 2.0\nran 1.0\n')
    assert.equal(it.read('agent/bad/2.0'), undefined)
    assert.equal(it.read('agent/returned'), `2.0 ${times} never in contact with the server within 1 s\n`)
  }
})

test('a reboot begins the deadline anew and counts a start', LIMIT, () => {
  using it = bench('cat $BRAMBLE_SLOT/trial; "$BRAMBLE_LAUNCHER" agent commit')
  it.launch(['stage', '2.0', '600'])
  it.write('agent/trial', '2.0 1 600 another-boot 0 -\n')
  assert.match(it.launch(['run']).stdout, /^ran 2\.0\n2\.0 2 600 [0-9a-f-]{36} [1-9]\d* -\n$/)
})

test('no exit code of a release on trial ends the launcher: supervisors take 78 for good', LIMIT, () => {
  using it = bench('exit 78')
  it.launch(['stage', '2.0'])
  assert.deepEqual([runs(it), it.read('agent/bad/2.0')], ['ran 1.0', 'crashed 3 times, the last time with exit code 78\n'])
})

test('TERM reaches a release on trial, and the launcher ends after it', LIMIT, async () => {
  using it = bench('trap "echo bye; exit 0" TERM; echo up; while :; do /bin/sleep 0.05; done')
  it.launch(['stage', '2.0'])
  const launcher = it.start()
  let said = ''
  launcher.stdout.on('data', (text: string) => {
    if (!said.includes('up') && (said + text).includes('up')) launcher.kill()
    said += text
  })
  const [code] = await once(launcher, 'close')
  assert.deepEqual([code, said], [0, 'ran 2.0\nup\nbye\n'])
})

test('a launcher that is killed takes the release on trial with it: there are never two agents', LIMIT, async () => {
  using it = bench('echo up; exec /bin/sleep 1000')
  it.launch(['stage', '2.0'])
  const launcher = it.start()
  launcher.stdout.once('data', () => launcher.kill('SIGKILL'))
  await once(launcher, 'close') // once nobody holds its output open any more
})

test('a release that commits runs on under its launcher and ends with its own code', LIMIT, () => {
  using it = bench('"$BRAMBLE_LAUNCHER" agent commit; exit 5')
  it.launch(['stage', '2.0', '1'])
  assert.deepEqual([it.launch(['run']).exitCode, it.read('agent/trial')], [5, undefined])
})

test('a release that commits, and stages the next one in the same life, leaves that one its trial', LIMIT, () => {
  using it = bench('"$BRAMBLE_LAUNCHER" agent commit; "$BRAMBLE_LAUNCHER" agent stage 3.0; exit 75')
  it.release('3.0', 'exit 1')
  it.launch(['stage', '2.0'])
  assert.equal(it.launch(['run']).exitCode, 75)
  assert.equal(it.read('agent/trial'), '3.0 0 600\n')
  assert.match(it.launch(['run']).stdout, /^(ran 3\.0\n){3}ran 2\.0\n$/)
})

test('a commit brings the release its own launcher, but none that does not run', LIMIT, () => {
  for (const [text, isTaken] of [
    ['#!/bin/sh\n# newer\n', true],
    ['#!/bin/sh\nif\n', false],
    ['#!/bin/sh\nexit 1\n', false],
  ] as const) {
    using it = bench(undefined, { 'share/launcher': text })
    it.write('launcher', 'older\n')
    it.launch(['stage', '2.0'])
    it.launch(['commit'])
    assert.equal(it.read('launcher'), isTaken ? text : 'older\n')
  }
})

test('what is not whole, not there or no version is not staged', LIMIT, () => {
  using it = bench()
  it.write('releases/2.0/release.json', 'changed')
  for (const [args, code] of [
    [['stage', '2.0'], 4],
    [['stage', '3.0'], 4],
    [['stage', '../x'], 64],
    [['stage', '2.0', 'soon'], 64],
    [['stage'], 64],
    [['jump'], 64],
  ] as const)
    assert.equal(it.launch(args).exitCode, code, args.join(' '))
  assert.equal(it.link('current'), '1.0')
})

test('current, previous and the newest stay, of both programs; others go', LIMIT, () => {
  using it = bench()
  for (const version of ['0.8', '0.9', '0.10', '3.0']) it.release(version)
  it.write('server/.keep', '')
  it.point('previous', '0.9')
  it.launch(['prune'])
  assert.deepEqual(readdirSync(join(it.root, 'releases')).sort(), ['0.9', '1.0', '3.0'])
})

/** What a card that fails, or a person, may leave behind; whatever it is, a whole release runs. */
const DAMAGES: Readonly<Record<string, (it: LauncherBench) => void>> = {
  'an empty trial file': (it) => it.write('agent/trial', ''),
  'a trial file of zeros': (it) => it.write('agent/trial', '\0\0\0\0'),
  'a trial file that was cut': (it) => it.write('agent/trial', '2.'),
  'a trial file without a count': (it) => it.write('agent/trial', '2.0 x 600\n'),
  'a trial of what is not there': (it) => it.write('agent/trial', '9.9 1 600\n'),
  'no current release': (it) => it.remove('agent/current'),
  'a current release that is gone': (it) => it.remove('releases/2.0'),
  'a current release without its program': (it) => it.remove('releases/2.0/bin'),
  'a current release without one of its files': (it) => it.remove('releases/2.0/release.json'),
  'a current release without checksums': (it) => it.write('releases/2.0/SHA256SUMS', ''),
  'no links at all': (it) => {
    it.remove('agent/current')
    it.remove('agent/previous')
  },
  'a current release that is gone, and none before': (it) => {
    it.remove('releases/2.0')
    it.remove('agent/previous')
  },
  'a folder of its own that is gone': (it) => it.remove('agent'),
  'only a release that was given up': (it) => {
    it.write('agent/bad/1.0', 'crashed\n')
    it.remove('releases/2.0')
  },
}
for (const isOnTrial of [false, true])
  for (const [name, damage] of Object.entries(DAMAGES))
    test(`${name}${isOnTrial ? ', during a trial' : ''}: a whole release runs`, LIMIT, () => {
      using it = bench()
      it.launch(['stage', '2.0'])
      if (!isOnTrial) it.launch(['commit'])
      damage(it)
      assert.match(runs(it), /^ran [12]\.0$/)
      assert.match(runs(it), /^ran [12]\.0$/)
    })

test('with no release at all it says so, and what to do', LIMIT, () => {
  using it = new LauncherBench()
  const { exitCode, stderr } = it.launch(['run'])
  assert.deepEqual([exitCode, /no complete release.*install\.sh/.test(stderr)], [1, true])
})

/** Each command is cut before each of its changes; `then` holds afterwards, once the machine is on again. */
const CUTS: readonly {
  readonly name: string
  readonly script?: string
  readonly before: readonly (readonly string[])[]
  readonly cut: readonly string[]
  readonly runs: RegExp
}[] = [
  { name: 'staging', before: [], cut: ['stage', '2.0'], runs: /^ran [12]\.0$/ },
  { name: 'staging another one during a trial', before: [['stage', '2.0']], cut: ['stage', '3.0'], runs: /^ran [123]\.0$/ },
  { name: 'the first start on trial', before: [['stage', '2.0']], cut: ['run'], runs: /^ran 2\.0$/ },
  { name: 'three crashes and the return', script: 'exit 1', before: [['stage', '2.0']], cut: ['run'], runs: /^ran 1\.0$/ },
  { name: 'the commit', before: [['stage', '2.0']], cut: ['commit'], runs: /^ran 2\.0$/ },
  { name: 'pruning', before: [['stage', '2.0'], ['commit'], ['stage', '3.0']], cut: ['prune'], runs: /^ran 3\.0$/ },
  { name: 'forgetting', before: [], cut: ['forget', '2.0'], runs: /^ran 1\.0$/ },
]
for (const { name, script, before, cut, runs: expected } of CUTS)
  test(`the power is cut at any step of ${name}: a whole release runs, and all can be done again`, LIMIT, () => {
    for (let step = 1; ; step++) {
      using it = bench(script, { 'share/launcher': '#!/bin/sh\nexit 0\n' })
      it.release('0.9')
      it.release('3.0')
      for (const args of before) it.launch(args)
      const { exitCode } = it.launch(cut, step)
      assert.match(runs(it), expected, `cut before change ${step}`)
      assert.ok(['1.0', '2.0', '3.0'].includes(it.link('current')!))
      it.launch(['forget', '3.0'])
      it.launch(['stage', '3.0'])
      assert.equal(runs(it), 'ran 3.0', `cut before change ${step}`)
      it.launch(['commit'])
      assert.equal(runs(it), 'ran 3.0', `cut before change ${step}`)
      if (exitCode !== null) return assert.ok(step > 2, 'the cut fell nowhere')
    }
  })

test('whatever is done and wherever it is cut, a whole release runs', LIMIT, () => {
  const version = fc.constantFrom('1.0', '2.0', '3.0')
  const action = fc.oneof(
    version.map((it) => ['stage', it]),
    version.map((it) => ['forget', it]),
    fc.constantFrom(['run'], ['commit'], ['prune']),
  )
  fc.assert(
    fc.property(fc.array(fc.tuple(action, fc.nat(12)), { maxLength: 8 }), (steps) => {
      using it = bench('exit 1')
      it.release('3.0')
      for (const [args, cutAt] of steps) it.launch(args, cutAt)
      assert.match(runs(it), /^ran [123]\.0$/)
    }),
    { numRuns: 25, seed: 5 },
  )
})
