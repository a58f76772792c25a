import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Container, EnvVar } from '@bramble/api/types/pod'
import type { Service } from '@bramble/api/types/service'
import { expand, makeEnvironment, type PodFacts } from './environment.ts'
import { aContainer, aPod, FakeConfigs } from './pods-harness.ts'

const FACTS: PodFacts = {
  nodeName: 'pi-1',
  hostIp: '192.0.2.1',
  podIp: '10.42.0.5',
  allocatable: { cpuMillis: 3900, memoryBytes: 2 ** 30 },
}
const aService = (name: string, namespace: string, ip: string): Service => ({
  metadata: { name, namespace, uid: name, resourceVersion: '1', creationTimestamp: '' },
  spec: {
    clusterIP: ip,
    ports: [
      { name: 'http', port: 80 },
      { name: 'dns', port: 53, protocol: 'UDP' },
    ],
  },
})

function made(container: Partial<Container>, linked = false): Record<string, string> {
  const configs = new FakeConfigs()
  configs.setConfigMap('cfg', { a: '1', 'b.c': '2' })
  configs.setSecret('sec', { password: 'xyzzy' })
  configs.serviceList.push(
    aService('my-web', 'default', '10.43.0.9'),
    aService('other', 'elsewhere', '10.43.0.8'),
    aService('kubernetes', 'default', '10.43.0.1'),
    aService('headless', 'default', 'None'),
  )
  const pod = aPod(
    'web',
    { enableServiceLinks: linked, serviceAccountName: 'robot' },
    { labels: { app: 'web', 'x/y': 'z' }, annotations: { note: 'n' } },
  )
  const env = makeEnvironment(pod, aContainer('main', container), configs, FACTS)
  return Object.fromEntries(env.map(({ name, value }) => [name, value]).filter(([name]) => linked || !name!.startsWith('KUBERNETES_')))
}

const field = (name: string, fieldPath: string): EnvVar => ({ name, valueFrom: { fieldRef: { fieldPath } } })
const resource = (name: string, what: string, divisor?: string): EnvVar => ({
  name,
  valueFrom: { resourceFieldRef: { resource: what, ...(divisor && { divisor }) } },
})

const cases: readonly { readonly name: string; readonly container: Partial<Container>; readonly env: Record<string, string> }[] = [
  { name: 'plain values', container: { env: [{ name: 'A', value: '1' }, { name: 'EMPTY' }] }, env: { A: '1', EMPTY: '' } },
  {
    name: 'earlier variables are expanded, later and unknown ones not',
    container: {
      env: [
        { name: 'A', value: '1' },
        { name: 'B', value: '$(A)-$(C)-$$(A)' },
        { name: 'C', value: 'c' },
      ],
    },
    env: { A: '1', B: '1-$(C)-$(A)', C: 'c' },
  },
  {
    name: 'the last of one name counts',
    container: {
      env: [
        { name: 'A', value: '1' },
        { name: 'A', value: '$(A)2' },
      ],
    },
    env: { A: '12' },
  },
  {
    name: 'all of a ConfigMap, with a prefix',
    container: { envFrom: [{ prefix: 'P_', configMapRef: { name: 'cfg' } }] },
    env: { P_a: '1', 'P_b.c': '2' },
  },
  {
    name: 'all of a Secret, hidden by env',
    container: { envFrom: [{ secretRef: { name: 'sec' } }], env: [{ name: 'password', value: 'mine' }] },
    env: { password: 'mine' },
  },
  {
    name: 'one key of a ConfigMap and of a Secret',
    container: {
      env: [
        { name: 'A', valueFrom: { configMapKeyRef: { name: 'cfg', key: 'a' } } },
        { name: 'P', valueFrom: { secretKeyRef: { name: 'sec', key: 'password' } } },
      ],
    },
    env: { A: '1', P: 'xyzzy' },
  },
  {
    name: 'optional and missing is left out',
    container: {
      envFrom: [{ configMapRef: { name: 'no', optional: true } }],
      env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'cfg', key: 'no', optional: true } } }],
    },
    env: {},
  },
  {
    name: 'fields of the pod',
    container: {
      env: [
        field('N', 'metadata.name'),
        field('L', "metadata.labels['x/y']"),
        field('M', "metadata.labels['none']"),
        field('I', 'status.podIP'),
        field('H', 'status.hostIP'),
        field('O', 'spec.nodeName'),
        field('S', 'spec.serviceAccountName'),
      ],
    },
    env: { N: 'web', L: 'z', M: '', I: '10.42.0.5', H: '192.0.2.1', O: 'pi-1', S: 'robot' },
  },
  {
    name: 'all labels and annotations',
    container: { env: [field('L', 'metadata.labels'), field('A', 'metadata.annotations')] },
    env: { L: 'app="web"\nx/y="z"', A: 'note="n"' },
  },
  {
    name: 'resources in units of the divisor, rounded up',
    container: {
      resources: { limits: { cpu: '1500m' }, requests: { memory: '100Mi' } },
      env: [
        resource('C', 'limits.cpu'),
        resource('M', 'limits.cpu', '1m'),
        resource('R', 'requests.memory', '1Mi'),
        resource('D', 'limits.memory', '1Gi'),
      ],
    },
    env: { C: '2', M: '1500', R: '100', D: '1' },
  },
]
for (const { name, container, env } of cases) test(`environment: ${name}`, () => assert.deepEqual(made(container), env))

const refusals: readonly { readonly name: string; readonly container: Partial<Container>; readonly message: string }[] = [
  { name: 'a missing ConfigMap', container: { envFrom: [{ configMapRef: { name: 'no' } }] }, message: 'configmap "no" not found' },
  {
    name: 'a missing Secret key',
    container: { env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 'sec', key: 'no' } } }] },
    message: "couldn't find key no in Secret default/sec",
  },
  {
    name: 'a missing ConfigMap key',
    container: { env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'cfg', key: 'no' } } }] },
    message: "couldn't find key no in ConfigMap default/cfg",
  },
]
for (const { name, container, message } of refusals)
  test(`environment: ${name} is refused`, () => assert.throws(() => made(container), { reason: 'CreateContainerConfigError', message }))

test('services of the own namespace are linked, kubernetes always', () => {
  const env = made({}, true)
  assert.deepEqual(
    [
      env.MY_WEB_SERVICE_HOST,
      env.MY_WEB_SERVICE_PORT,
      env.MY_WEB_SERVICE_PORT_DNS,
      env.MY_WEB_PORT,
      env.MY_WEB_PORT_53_UDP_ADDR,
      env.KUBERNETES_SERVICE_HOST,
      env.OTHER_SERVICE_HOST,
      env.HEADLESS_SERVICE_HOST,
    ],
    ['10.43.0.9', '80', '53', 'tcp://10.43.0.9:80', '10.43.0.9', '10.43.0.1', undefined, undefined],
  )
})

for (const [text, expanded] of [
  ['$(A)$(A)', 'xx'],
  ['$(B)', '$(B)'],
  ['$$(A)', '$(A)'],
  ['$$$(A)', '$x'],
  ['$(A', '$(A'],
  ['$A', '$A'],
  ['100%$', '100%$'],
] as const)
  test(`${text} expands to ${expanded}`, () =>
    assert.equal(
      expand(text, (name) => (name === 'A' ? 'x' : undefined)),
      expanded,
    ))
