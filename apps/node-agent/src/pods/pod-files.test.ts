import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod, PodSpec } from '@bramble/api/types/pod'
import { configVersion, referredConfigs } from './pod-files.ts'
import { aContainer, aPod, FakeConfigs } from './pods-harness.ts'

const SPEC: Partial<PodSpec> = {
  volumes: [
    { name: 'cfg', configMap: { name: 'of-volume' } },
    { name: 'key', secret: { secretName: 'of-volume' } },
    { name: 'all', projected: { sources: [{ configMap: { name: 'projected' } }, { secret: { name: 'projected' } }] } },
    { name: 'data', persistentVolumeClaim: { claimName: 'c' } },
    { name: 'own', ephemeral: {} },
    { name: 'disk', csi: { driver: 'd', nodePublishSecretRef: { name: 'of-driver' } } },
  ],
  containers: [
    aContainer('main', {
      envFrom: [{ configMapRef: { name: 'all-of' } }],
      env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 'of-variable', key: 'a' } } }],
    }),
  ],
  initContainers: [aContainer('init', { envFrom: [{ secretRef: { name: 'of-init' } }] })],
}

test('a pod refers to what its volumes, variables and drivers name', () =>
  assert.deepEqual(referredConfigs(aPod('web', SPEC)), {
    configMaps: ['all-of', 'of-volume', 'projected'],
    secrets: ['of-driver', 'of-init', 'of-variable', 'of-volume', 'projected'],
  }))

const metadata = (name: string, resourceVersion = '1') => ({ name, uid: name, resourceVersion, creationTimestamp: '' })
const changes: readonly { name: string; change: (configs: FakeConfigs, pod: Pod) => void; differs: boolean }[] = [
  { name: 'a ConfigMap of a volume', change: (configs) => configs.setConfigMap('of-volume', { a: '2' }), differs: true },
  { name: 'a Secret of a projected volume', change: (configs) => configs.setSecret('projected', {}), differs: true },
  { name: 'a Secret of nobody', change: (configs) => configs.setSecret('other', {}), differs: false },
  { name: 'the renewal of a token', change: (configs) => configs.tokens.set('default/web', { 'all/token': 'new' }), differs: true },
  { name: 'the token of another pod', change: (configs) => configs.tokens.set('default/other', { 'all/token': 'new' }), differs: false },
  {
    name: 'the binding of a claim',
    change: (configs) =>
      configs.claims.set('default/c', { metadata: metadata('c'), spec: { volumeName: 'pv' }, status: { phase: 'Bound' } }),
    differs: true,
  },
  {
    name: 'the claim of its own template',
    change: (configs) => configs.claims.set('default/web-own', { metadata: metadata('web-own'), spec: {}, status: { phase: 'Pending' } }),
    differs: true,
  },
  { name: 'a label that nothing shows', change: (_, pod) => Object.assign(pod.metadata, { labels: { a: '2' } }), differs: false },
  {
    name: 'a label that a volume shows',
    change: (_, pod) => {
      pod.spec.volumes!.push({ name: 'me', downwardAPI: { items: [] } })
      Object.assign(pod.metadata, { labels: { a: '2' } })
    },
    differs: true,
  },
]
for (const { name, change, differs } of changes)
  test(`${name} is ${differs ? 'a reason to look at volumes again' : 'none'}`, () => {
    const configs = new FakeConfigs()
    configs.setConfigMap('of-volume', { a: '1' })
    const pod = structuredClone(aPod('web', SPEC, { labels: { a: '1' } }))
    const before = configVersion(pod, configs)
    assert.equal(configVersion(structuredClone(pod), configs), before)
    change(configs, pod)
    assert.equal(configVersion(pod, configs) !== before, differs)
  })
