import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PI } from './boards.ts'
import { FirstBoot, whyNot } from './first-boot.ts'

const LIMIT = { timeout: 1_150_000 }

test('a blank card becomes a Ready node, runs a pod, and runs it again after a power cut', LIMIT, async (t) => {
  const reason = await whyNot('arm64')
  if (reason !== undefined) return t.skip(reason)
  const boot = await FirstBoot.prepare(t, PI)
  const { card, controlPlane, guest } = boot
  const token = /^TOKEN='(.+)'$/m.exec(await card.read('bramble/node.env'))![1]!

  await boot.start()
  for (const step of ['start', 'token-stored', 'root-grown', 'identity', 'network-config', 'bundle', 'agent-started'])
    await boot.firstBootStep(step)
  await boot.nodeIsReady()
  await boot.applyPod()
  await boot.podSaysItsWords()
  await t.test('the machine is what the card says', async () => {
    assert.match(await controlPlane.kubectl('get', 'node', 'pi-lab-1', '--show-labels'), /disktype=sd/)
    assert.equal(await guest.run('readlink /etc/localtime'), '/usr/share/zoneinfo/Europe/Berlin')
    assert.match(await guest.run('cat /etc/wpa_supplicant/wpa_supplicant-wlan0.conf'), /country=DE\n(.*\n)* {2}ssid=4e6f742068657265\n/)
    assert.equal(await guest.run('systemctl is-system-running'), 'running')
  })
  t.diagnostic(await boot.memory())

  await boot.cut()
  await t.test('what an operator reads on the card: it was ready, and nothing secret', async () => {
    assert.match(await card.read('bramble/status.txt'), /^\d+ ready /m)
    const left = await card.read('bramble/node.env')
    assert.match(left, /^HOSTNAME='pi-lab-1'$/m)
    assert.doesNotMatch(left, /TOKEN|SSID/)
    assert.equal(await card.holds(token), false, 'the token is still in free clusters of the boot partition')
  })
  await boot.start()
  await boot.nodeIsReady()
  await boot.podSaysItsWords()
  for (const line of boot.timeline()) t.diagnostic(line)
})
