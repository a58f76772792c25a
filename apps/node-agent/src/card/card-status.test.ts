import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { silentLog } from '@bramble/reconcile/log'
import { CardStatus, findCardFolder } from './card-status.ts'
import { boardLed, type Led } from './led.ts'
import { tellCard } from './tell-card.ts'

const NODE_ENV = "FORMAT='1'\nHOSTNAME='pi-7'\nSERVER='https://10.0.0.1:6443'\nTOKEN='b1.secret'\nWIFI_PSK_HEX='abcd'\n"

async function card(t: TestContext, files: Record<string, string> = { 'node.env': NODE_ENV }) {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-card-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
  const shown: string[] = []
  const led: Led = { show: async (what) => void shown.push(what) }
  const status = new CardStatus(folder, { led, uptimeSeconds: () => 42.4, log: silentLog })
  return { folder, status, shown, text: (name: string) => readFile(join(folder, name), 'utf8') }
}

test('each step is a line with the seconds since power on, and the LED shows it', async (t) => {
  const { status, shown, text } = await card(t)
  await status.tell('joining', 'cannot reach\nthe control plane')
  await status.tell('failed', 'the token expired')
  await status.tell('ready', 'as pi-7')
  assert.equal(await text('status.txt'), '42 joining cannot reach the control plane\n42 failed the token expired\n42 ready as pi-7\n')
  assert.deepEqual(shown, ['working', 'failed', 'well'])
})

test('what is said again and again is written once: the card is spared', async (t) => {
  const { status, text } = await card(t)
  for (let i = 0; i < 100; i++) await status.tell('joining', 'waiting for approval')
  assert.equal(await text('status.txt'), '42 joining waiting for approval\n')
})

test('a status that has grown too long begins anew', async (t) => {
  const { status, text } = await card(t, { 'node.env': NODE_ENV, 'status.txt': 'x'.repeat(16 * 1024) })
  await status.tell('ready', 'as pi-7')
  assert.equal(await text('status.txt'), '42 ready as pi-7\n')
})

test('of the settings on the card only the name stays once the node has joined', async (t) => {
  const { status, text } = await card(t)
  await status.forgetSecrets()
  await status.forgetSecrets()
  const left = await text('node.env')
  assert.match(left, /^HOSTNAME='pi-7'$/m)
  assert.doesNotMatch(left, /TOKEN|secret|PSK/)
})

test('what failed before is told once each', async (t) => {
  const { status } = await card(t, {
    'status.txt': '3 start x\n9.5 failed no network\n20 failed no network\n30 failed token expired\n31 enrolled y\n',
  })
  assert.deepEqual(await status.problems(), ['no network', 'token expired'])
})

test('what went wrong before the node was Ready once is history', async (t) => {
  const { status } = await card(t, { 'status.txt': '20 failed no network\n31 ready this is node a\n8 failed no runtime\n' })
  assert.deepEqual(await status.problems(), ['no runtime'])
  await status.tell('ready', 'this is node a')
  assert.deepEqual(await status.problems(), [])
})

test('the control plane hears of it once the node is Ready, and the card that it is', async () => {
  const said: string[] = []
  const looks = [false, false, true]
  const told = { problems: async () => ['no network'], tell: async (step: string, text: string) => void said.push(`${step}: ${text}`) }
  const clock = { nowMs: () => 0, monotonicMs: () => 0, sleep: async () => {} }
  const warn = (reason: string, message: string): void => void said.push(`${reason}: ${message}`)
  await tellCard({ card: told, nodeName: 'pi-7', clock, isReady: () => looks.shift() ?? true, warn }, new AbortController().signal)
  assert.deepEqual(said, ['FirstBootProblem: before this node was Ready: no network', 'ready: this is node pi-7'])
  assert.deepEqual(looks, [])
})

test('a card that is gone, or that cannot be written, stops nothing', async (t) => {
  const { folder, status } = await card(t)
  await rm(folder, { recursive: true })
  await status.tell('ready', 'as pi-7')
  await status.forgetSecrets()
  assert.deepEqual(await status.problems(), [])
})

test("the card's folder is where the flasher left its settings", async (t) => {
  const { folder } = await card(t)
  assert.equal(await findCardFolder(['/nowhere', folder]), folder)
  assert.equal(await findCardFolder(['/nowhere']), undefined)
})

test("a board's LED is told by the kernel's triggers, and a board without one is left alone", async (t) => {
  const { folder } = await card(t, {})
  await boardLed(folder).show('failed')
  await mkdir(join(folder, 'led0'))
  for (const name of ['trigger', 'delay_on', 'delay_off']) await writeFile(join(folder, 'led0', name), '')
  const read = (name: string): Promise<string> => readFile(join(folder, 'led0', name), 'utf8')
  await boardLed(folder).show('working')
  assert.equal(await read('trigger'), 'heartbeat')
  await writeFile(join(folder, 'led0', 'trigger'), '')
  await boardLed(folder).show('failed')
  assert.deepEqual([await read('trigger'), await read('delay_on'), await read('delay_off')], ['timer', '125', '125'])
})
