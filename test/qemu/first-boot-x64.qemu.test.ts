import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PC } from './boards.ts'
import { FirstBoot, whyNot } from './first-boot.ts'

const POD_PID = 'pgrep -f "of these word[s]"'
const AGENT_PID = 'systemctl show -p MainPID --value bramble-agent'
const LIMIT = { timeout: 1_000_000 }

test('a PC with the release in its image becomes a node, and is one again after a power cut', LIMIT, async (t) => {
  const reason = await whyNot('x64')
  if (reason !== undefined) return t.skip(reason)
  const boot = await FirstBoot.prepare(t, PC)
  await boot.start()
  for (const step of ['start', 'token-stored', 'root-grown', 'identity', 'network-config', 'bundle', 'agent-started'])
    await boot.firstBootStep(step)
  await boot.nodeIsReady()
  await boot.applyPod()
  await boot.podSaysItsWords()
  const { guest, controlPlane, card } = boot

  await t.test('its label is the one of the card', async () => {
    assert.match(await controlPlane.kubectl('get', 'node', 'lab-x64', '--show-labels'), /disktype=ssd/)
  })
  await t.test('memory limits of pods are limits of the second kind of cgroup', async () => {
    assert.equal(await guest.run('stat -fc %T /sys/fs/cgroup'), 'cgroup2fs')
    const limits = 'find /sys/fs/cgroup -name memory.max -exec grep -lx 33554432 {} +'
    assert.match(await guest.run(limits), /memory\.max/)
  })
  await t.test('systemd runs the agent as its unit says', async () => {
    const shown = await guest.run('systemctl show bramble-agent -p KillMode,Delegate,Restart,SubState,Type,OOMScoreAdjust')
    assert.match(shown, /^KillMode=process$/m)
    assert.match(shown, /^Delegate=yes$/m)
    assert.match(shown, /^SubState=running$/m)
    assert.equal(await guest.run('systemctl is-enabled bramble-agent bramble-shutdown'), 'enabled\nenabled')
  })
  await t.test('a restart of the agent leaves its pods running', async () => {
    const before = await guest.run(POD_PID)
    for (const blow of ['systemctl restart bramble-agent', 'systemctl kill --signal KILL bramble-agent']) {
      const agent = await guest.run(AGENT_PID)
      await guest.run(blow)
      await boot.podAnswers()
      assert.notEqual(await guest.run(AGENT_PID), agent)
      assert.equal(await guest.run(POD_PID), before, blow)
    }
  })

  await boot.cut()
  await t.test('what an operator reads on the card after a power cut: it was ready, and nothing secret', async () => {
    assert.match(await card.read('bramble/status.txt'), /^\d+ ready /m)
    const left = await card.read('bramble/node.env')
    assert.match(left, /^HOSTNAME='lab-x64'$/m)
    assert.doesNotMatch(left, /TOKEN|b1\./)
  })
  await boot.start()
  await boot.nodeIsReady()
  await boot.podSaysItsWords()
  for (const line of boot.timeline()) t.diagnostic(line)
})
