import { parseAgentConfig } from '../../node-agent/src/config.ts'
import type { ProgramName } from './programs.ts'

// The texts of our systemd units. Source: systemd.service(5), systemd.exec(5), systemd.resource-control(5), systemd 247 or newer.

export const UNIT_FOLDER = '/etc/systemd/system'
export const SHUTDOWN_UNIT = 'bramble-shutdown.service'
export const unitName = (name: ProgramName): string => (name === 'control-plane' ? 'bramble-server.service' : 'bramble-agent.service')

/** What the agent itself needs after the last pod has ended. */
const SHUTDOWN_SLACK_SECONDS = 30

/** Long: a card that is busy can hold a write, and us with it, for half a minute. */
const WATCHDOG_SECONDS = 180

export interface UnitOptions {
  /** File with the variables of its settings. */
  readonly environment: string
  /** Program and arguments. */
  readonly command: readonly string[]
  /** Folders that the control plane may write; it sees the rest of the machine read-only. */
  readonly writable?: readonly string[]
}

/**
 * The text of a program's unit. It is started again for ever, but not after a setting that cannot be right (exit code 78), and an agent
 * that has not said within {@link WATCHDOG_SECONDS} that it is well is killed and started.
 */
export const unitText = (name: ProgramName, { environment, command, writable = [] }: UnitOptions): string => `[Unit]
Description=Bramble ${name === 'control-plane' ? 'control plane' : 'node agent'}
After=network.target
StartLimitIntervalSec=0

[Service]
EnvironmentFile=${plain(environment)}
ExecStart=${command.map(quoted).join(' ')}
Restart=always
RestartSec=2
RestartPreventExitStatus=78
OOMPolicy=continue
${name === 'control-plane' ? serverLines(writable) : AGENT_LINES}
[Install]
WantedBy=multi-user.target
`

/**
 * KillMode=process: containers and their monitors live in the agent's cgroup and must outlive it. What would confine the agent is
 * missing on purpose: its containers would inherit it, so that a pod could not do what its own security context allows.
 * Memory: what pulls images works in this cgroup too; half of a Pi is the ceiling, and what can be given back is taken back before.
 */
const AGENT_LINES = `KillMode=process
NotifyAccess=all
WatchdogSec=${WATCHDOG_SECONDS}
Delegate=yes
OOMScoreAdjust=-999
MemoryHigh=40%
MemoryMax=50%
TasksMax=8192
LimitNOFILE=65536
`

/** It needs its data, its ports and nothing else of the machine. No MemoryDenyWriteExecute: V8 compiles. */
const serverLines = (writable: readonly string[]): string => `KillMode=mixed
OOMScoreAdjust=-500
MemoryMax=75%
TasksMax=512
LimitNOFILE=65536
NoNewPrivileges=yes
ProtectSystem=strict
ReadWritePaths=${writable.map((path) => `-${quoted(path)}`).join(' ')}
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectClock=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
CapabilityBoundingSet=CAP_NET_BIND_SERVICE CAP_DAC_OVERRIDE CAP_FOWNER CAP_CHOWN
SystemCallArchitectures=native
UMask=0077
`

/**
 * The text of the unit that does nothing until the machine goes down: then the agent ends its pods in order. What is ordered after
 * another unit is stopped before it, so agent, network and runtime are still there. @param command Path of `bramble`.
 */
export const shutdownUnitText = (command: string, config: Record<string, unknown>): string => {
  const { graceMs, criticalGraceMs } = parseAgentConfig(config).shutdown
  return `[Unit]
Description=Bramble ends the pods of this node before it goes down
After=bramble-agent.service network-online.target containerd.service crio.service podman.service
Wants=network-online.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/true
ExecStop=${quoted(command)} agent --shutdown
TimeoutStopSec=${Math.ceil((graceMs + criticalGraceMs) / 1000) + SHUTDOWN_SLACK_SECONDS}

[Install]
WantedBy=multi-user.target
`
}

/** As one word of a command that means itself. */
const quoted = (argument: string): string => JSON.stringify(plain(argument).replaceAll('$', '$$$$'))

/** Without the meaning that systemd gives to percent signs. */
const plain = (text: string): string => text.replaceAll('%', '%%')
