import { MqttLink } from '@bramble/link/mqtt/mqtt-link'
import { systemEnv } from '@bramble/reconcile/env'
import { parseAgentConfig } from '../../apps/node-agent/src/config.ts'
import { TimeKeeper } from '../../apps/node-agent/src/node/time-keeper.ts'
import { Membership } from '../../apps/node-agent/src/transport/membership.ts'

// What an agent does until its link is open, in a process whose clock is wrong. Says what it saw, and what it would have set the clock to.

const { folder, ...given } = JSON.parse(process.argv[2]!) as { folder: string } & Record<string, unknown>
const config = parseAgentConfig({ ...given, 'data-dir': folder })
const env = systemEnv('child', 'error')
const set: number[] = []
const system = { isSynchronised: async () => false, set: async (timeMs: number) => void set.push(timeMs) }
const time = new TimeKeeper({ path: `${folder}/clock`, system, env })
const startedAt = new Date(env.clock.nowMs()).toISOString()

const membership = await Membership.open(config, `${folder}/identity`, env, AbortSignal.timeout(30_000), {
  time: (timeMs) => time.told(timeMs),
})
const { nodeName, mqttPort, certificate } = membership!.identity
const link = new MqttLink({ nodeName, host: '127.0.0.1', port: mqttPort, credentials: () => membership!.identity, env })
const session = await time.listening(link).open({ agentVersion: '1' }, AbortSignal.timeout(30_000))
const toldMs = session.serverTimeMs
await session.close()
console.log(JSON.stringify({ startedAt, nodeName, set, toldMs, isCertified: certificate.includes('BEGIN CERTIFICATE') }))
process.exit(0)
