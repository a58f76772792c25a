import { systemEnv } from '@bramble/reconcile/env'
import { silentLog } from '@bramble/reconcile/log'
import { MemoryLink } from '@bramble/link/memory-link'
import { LocalClient } from '/work/main/apps/control-plane/src/api/local-client.ts'
import { Registry } from '/work/main/apps/control-plane/src/api/registry.ts'
import { ResourceService } from '/work/main/apps/control-plane/src/api/resource-service.ts'
import { allResources } from '/work/main/apps/control-plane/src/resources/all.ts'
import { namespaces } from '/work/main/apps/control-plane/src/resources/namespace.ts'
import { pods } from '/work/main/apps/control-plane/src/resources/pod.ts'
import { services } from '/work/main/apps/control-plane/src/resources/service.ts'
import { MemoryBackend } from '/work/main/apps/control-plane/src/store/backend/memory.ts'
import { volatileKeys } from '/work/main/apps/control-plane/src/store/keys.ts'
import { openStore } from '/work/main/apps/control-plane/src/store/store.ts'
import { createNodeGateway } from '/work/main/apps/control-plane/src/gateway/node-gateway.ts'
const env = { ...systemEnv('b'), log: silentLog }
const N = 1000, S = 500
const store = await openStore(new MemoryBackend(), { env, volatile: volatileKeys(() => allResources) })
const client = new LocalClient({ store, resources: new ResourceService({ store, registry: new Registry(allResources), admission: [], env }) })
await client.create(namespaces, { metadata: { name: 'default' } }); await client.create(namespaces, { metadata: { name: 'kube-node-lease' } })
for (let i = 0; i < S; i++) await client.create(services as any, { metadata: { name: `s${i}`, namespace: 'default' }, spec: { clusterIP: 'None', ports: [{ port: 80 }] } })
const link = new MemoryLink(env)
const stop = new AbortController()
const gw = createNodeGateway({ client, env, linkServer: link.server })
const done = gw.run(stop.signal)
let got = 0
let t = performance.now()
await Promise.all(Array.from({ length: N }, async (_, i) => {
  const s = await link.connect(`n${i}`).open({ agentVersion: '1' }, stop.signal)
  void (async () => { for await (const a of s.assignments) got++ })()
  await s.report([{ type: 'node-status', labels: { 'kubernetes.io/hostname': `n${i}` }, annotations: {}, status: { conditions: [{ type: 'Ready', status: 'True' }], addresses: [] } }])
}))
console.log('1000 nodes open+register ms', performance.now() - t, 'messages', got)
await env.clock.sleep(2000); got = 0
t = performance.now(); let c = process.cpuUsage()
await client.create(services as any, { metadata: { name: `new`, namespace: 'default' }, spec: { clusterIP: 'None', ports: [{ port: 80 }] } })
while (got < N) await env.clock.sleep(1)
console.log('one service to all ms', performance.now() - t, 'cpu', process.cpuUsage(c))
got = 0; t = performance.now()
await client.create(pods as any, { metadata: { name: `p`, namespace: 'default' }, spec: { nodeName: 'n1', containers: [{ name: 'a', image: 'b' }] } })
while (got < 1) await env.clock.sleep(1)
console.log('one pod to one ms', performance.now() - t)
got = 0; t = performance.now()
for (let i = 0; i < 10000; i++) await client.create(pods as any, { metadata: { name: `p${i}`, namespace: 'default' }, spec: { nodeName: `n${i % N}`, containers: [{ name: 'a', image: 'b' }] } })
console.log('10000 pods created ms', performance.now() - t)
await env.clock.sleep(500); console.log('messages', got, 'rss MB', process.memoryUsage().rss / 2 ** 20)
c = process.cpuUsage(); await env.clock.sleep(10_000); console.log('idle 10 s with leases cpu', process.cpuUsage(c))
stop.abort(); await done; process.exit(0)
