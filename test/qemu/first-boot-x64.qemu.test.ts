import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PC } from './boards.ts'
import { FirstBoot, whyNot } from './first-boot.ts'

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
  await boot.podSays(1)
  const { guest, controlPlane, card } = boot

  await t.test('its label is the one of the card', async () => {
    assert.match(await controlPlane.kubectl('get', 'node', 'lab-x64', '--show-labels'), /disktype=ssd/)
  })
  await t.test('memory limits of pods are limits of the second kind of cgroup', async () => {
    assert.equal(await guest.run('stat -fc %T /sys/fs/cgroup'), 'cgroup2fs')
    assert.equal(
      (await guest.run('cat $(find /sys/fs/cgroup -path "*libpod-*" -name memory.max) | grep -c "^33554432$"').then(Number)) > 0,
      true,
    )
  })
  await t.test('systemd runs the agent as its unit says', async () => {
    const shown = await guest.run('systemctl show bramble-agent -p KillMode,Delegate,Restart,SubState,Type,OOMScoreAdjust')
    assert.match(shown, /^KillMode=process$/m)
    assert.match(shown, /^Delegate=yes$/m)
    assert.match(shown, /^SubState=running$/m)
    assert.equal(await guest.run('systemctl is-enabled bramble-agent bramble-shutdown'), 'enabled\nenabled')
  })
  await t.test('a restart of the agent leaves its pods running', async () => {
    const pid = 'podman inspect --format "{{.State.Pid}}" $(podman ps -q --filter ancestor=localhost/words:latest)'
    const before = await guest.run(pid)
    await guest.run('systemctl restart bramble-agent')
    await boot.nodeIsReady()
    assert.equal(await guest.run(pid), before)
    await guest.run('systemctl kill --signal KILL bramble-agent')
    await boot.nodeIsReady()
    assert.equal(await guest.run(pid), before)
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
  await boot.podSays(2)
  for (const line of boot.timeline()) t.diagnostic(line)
})
