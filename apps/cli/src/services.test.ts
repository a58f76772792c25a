import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { shutdownUnitText, unitText } from './systemd-units.ts'

const COMMAND = ['/opt/bramble/node', '--max-semi-space-size=1', '/opt/bramble/main.js']

test("the control plane's unit starts it with its settings, again after a crash but not after a wrong setting", () => {
  const unit = unitText('control-plane', {
    environment: '/var/lib/bramble/control-plane.settings',
    command: COMMAND,
    writable: ['/var/lib/bramble'],
  })
  for (const line of [
    'EnvironmentFile=/var/lib/bramble/control-plane.settings',
    'ExecStart="/opt/bramble/node" "--max-semi-space-size=1" "/opt/bramble/main.js"',
    'Restart=always',
    'RestartPreventExitStatus=78',
    'KillMode=mixed',
    'NoNewPrivileges=yes',
    'ProtectSystem=strict',
    'ReadWritePaths=-"/var/lib/bramble"',
  ])
    assert.ok(unit.split('\n').includes(line), line)
})

test("stopping the agent's unit leaves its containers alone, the kernel spares it when memory runs out, systemd kills it when it hangs", () => {
  const unit = unitText('node-agent', { environment: '/x', command: COMMAND })
  for (const line of [
    'Description=Bramble node agent',
    'KillMode=process',
    'Delegate=yes',
    'OOMScoreAdjust=-999',
    'WatchdogSec=180',
    'MemoryMax=50%',
  ])
    assert.ok(unit.split('\n').includes(line), line)
})

test('pods may do what their own security context allows: nothing confines the agent that they would inherit', () => {
  const unit = unitText('node-agent', { environment: '/x', command: COMMAND })
  for (const setting of ['NoNewPrivileges', 'ProtectSystem', 'CapabilityBoundingSet', 'SystemCall', 'Restrict', 'UMask', 'Private'])
    assert.ok(!new RegExp(`^${setting}`, 'm').test(unit.replace(/^RestartPrevent.*$/gm, '')), setting)
})

test('paths with blanks, quotes, percent and dollar signs mean themselves', () => {
  assert.match(
    unitText('node-agent', { environment: '/a b/100%', command: ['/o p/no"de', '$HOME/%h'] }),
    /^EnvironmentFile=\/a b\/100%%\nExecStart="\/o p\/no\\"de" "\$\$HOME\/%%h"$/m,
  )
})

test('before the machine goes down its pods end: while agent, network and runtime are still there, and with time enough', () => {
  const config = { 'shutdown-grace-period': 60, 'shutdown-grace-period-critical-pods': 20 }
  assert.equal(
    shutdownUnitText('/opt/bramble/bin/bramble', config),
    `[Unit]
Description=Bramble ends the pods of this node before it goes down
After=bramble-agent.service network-online.target containerd.service crio.service podman.service
Wants=network-online.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/true
ExecStop="/opt/bramble/bin/bramble" agent --shutdown
TimeoutStopSec=90

[Install]
WantedBy=multi-user.target
`,
  )
})

const hasSystemd = spawnSync('systemd-analyze', ['--version']).status === 0
const units = {
  'control plane': (folder: string) =>
    unitText('control-plane', { environment: join(folder, 'settings'), command: [process.execPath, '/x.js'], writable: [folder] }),
  agent: (folder: string) => unitText('node-agent', { environment: join(folder, 'settings'), command: [process.execPath, '/x.js'] }),
  shutdown: () => shutdownUnitText(process.execPath, {}),
}
for (const [name, textOf] of Object.entries(units))
  test(`systemd takes the unit of the ${name}`, { skip: hasSystemd ? false : 'no systemd-analyze here' }, () => {
    const folder = mkdtempSync(join(tmpdir(), 'bramble-unit-'))
    try {
      const unit = join(folder, 'bramble-test.service')
      writeFileSync(unit, textOf(folder))
      const { status, stderr } = spawnSync('systemd-analyze', ['verify', unit], { encoding: 'utf8' })
      assert.deepEqual([status, stderr.split('\n').filter((line) => line.includes('bramble-test'))], [0, []])
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
