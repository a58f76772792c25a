import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cmdlinePaths, includesOf, withWatchdog } from './config-txt.ts'

const cases: readonly { readonly name: string; readonly before: string; readonly after: string }[] = [
  { name: 'adds to a file without sections', before: 'arm_64bit=1\n', after: 'arm_64bit=1\ndtparam=watchdog=on\n' },
  {
    name: 'adds under [all] when another section is open',
    before: 'a=1\n[pi4]\nb=1\n',
    after: 'a=1\n[pi4]\nb=1\n\n[all]\ndtparam=watchdog=on\n',
  },
  { name: 'leaves one that is there', before: '[all]\ndtparam=watchdog=on\n', after: '[all]\ndtparam=watchdog=on\n' },
  { name: 'leaves one among others', before: 'dtparam=audio=on, watchdog=on\n', after: 'dtparam=audio=on, watchdog=on\n' },
  {
    name: 'does not count that of one board',
    before: '[pi5]\ndtparam=watchdog=on\n',
    after: '[pi5]\ndtparam=watchdog=on\n\n[all]\ndtparam=watchdog=on\n',
  },
  { name: 'does not count a comment', before: '#dtparam=watchdog=on\n', after: '#dtparam=watchdog=on\ndtparam=watchdog=on\n' },
  { name: 'overrules one that is off', before: 'dtparam=watchdog=off\n', after: 'dtparam=watchdog=off\ndtparam=watchdog=on\n' },
  { name: 'ends a line that had no end', before: 'a=1', after: 'a=1\ndtparam=watchdog=on\n' },
  { name: 'keeps the line ends of Windows', before: '[pi4]\r\na=1\r\n', after: '[pi4]\r\na=1\r\n\r\n[all]\r\ndtparam=watchdog=on\r\n' },
  { name: 'makes an empty file', before: '', after: 'dtparam=watchdog=on\n' },
]

for (const { name, before, after } of cases)
  test(`config.txt: ${name}`, () => {
    assert.equal(withWatchdog(before), after)
    assert.equal(withWatchdog(after), after, 'twice is once')
  })

const UBUNTU =
  '[all]\nkernel=vmlinuz\ncmdline=cmdline.txt\ninitramfs initrd.img followkernel\nos_prefix=current/\n\n[tryboot]\nos_prefix=new/\ncmdline=try.txt\n[all]\narm_64bit=1\n'
const paths: readonly { readonly name: string; readonly config: string; readonly paths: readonly string[] }[] = [
  { name: 'cmdline.txt unless told', config: 'arm_64bit=1\n', paths: ['cmdline.txt'] },
  { name: 'the file that is named', config: '[pi4]\ncmdline = nobtcmd.txt\n', paths: ['nobtcmd.txt'] },
  { name: 'the folder of Ubuntu, but not that of its trial boots', config: UBUNTU, paths: ['current/cmdline.txt', 'cmdline.txt'] },
  { name: 'no comment', config: '#cmdline=other.txt\n', paths: ['cmdline.txt'] },
]
for (const { name, config, paths: expected } of paths)
  test(`the command line is in ${name}`, () => assert.deepEqual(cmdlinePaths(config), expected))

test('files that config.txt takes in are known', () =>
  assert.deepEqual(includesOf('include syscfg.txt\n# include no.txt\ninclude  usercfg.txt\n'), ['syscfg.txt', 'usercfg.txt']))
