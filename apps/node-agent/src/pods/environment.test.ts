import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Container, EnvVar } from '@bramble/api/types/pod'
import type { Service } from '@bramble/api/types/service'
import { podField } from './downward.ts'
import { expand, makeEnvironment, type PodFacts } from './environment.ts'
import { aContainer, aPod, FakeConfigs } from './pods-harness.ts'

const FACTS: PodFacts = {
  nodeName: 'pi-1',
  hostIp: '192.0.2.1',
  podIp: '10.42.0.5',
  allocatable: { cpuMillis: 3900, memoryBytes: 2 ** 30, ephemeralStorageBytes: 2 ** 34 },
}
const FILES = new Map([['made/a.env', 'EMPTY=\r\nCOLOUR=green # of course\nCOLOUR=red\n']])
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
    {
      enableServiceLinks: linked,
      serviceAccountName: 'robot',
      containers: [aContainer('main'), aContainer('other', { resources: { limits: { cpu: '250m' } } })],
    },
    { labels: { app: 'web', 'x/y': 'z' }, annotations: { note: 'n' } },
  )
  const env = makeEnvironment(pod, aContainer('main', container), configs, FACTS, { files: FILES })
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
    name: 'addresses in the plural, one label of many',
    container: { env: [field('P', 'status.podIPs'), field('H', 'status.hostIPs'), field('A', "metadata.annotations['note']")] },
    env: { P: '10.42.0.5', H: '192.0.2.1', A: 'n' },
  },
  {
    name: 'storage, huge pages, what another container has, and what the node gives where there is no limit',
    container: {
      resources: { requests: { 'ephemeral-storage': '1500Mi', 'hugepages-2Mi': '4Mi' } },
      env: [
        resource('E', 'requests.ephemeral-storage', '1Gi'),
        resource('H', 'requests.hugepages-2Mi', '2Mi'),
        resource('L', 'limits.ephemeral-storage', '1Gi'),
        resource('C', 'limits.cpu', '1m'),
        resource('M', 'limits.memory', '1Mi'),
        resource('N', 'requests.cpu'),
        { name: 'O', valueFrom: { resourceFieldRef: { containerName: 'other', resource: 'limits.cpu', divisor: '1m' } } },
      ],
    },
    env: { E: '2', H: '2', L: '16', C: '3900', M: '1024', N: '0', O: '250' },
  },
  {
    name: 'a line of a file: the first of its key, without a comment',
    container: {
      env: [
        { name: 'F', valueFrom: { fileKeyRef: { volumeName: 'made', path: 'a.env', key: 'COLOUR' } } },
        { name: 'O', valueFrom: { fileKeyRef: { volumeName: 'made', path: 'a.env', key: 'EMPTY', optional: true } } },
      ],
    },
    env: { F: 'green ' },
  },
  {
    name: 'a value wins over a source',
    container: { env: [{ name: 'A', value: 'mine', valueFrom: { configMapKeyRef: { name: 'no', key: 'no' } } }] },
    env: { A: 'mine' },
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
    name: 'a field that there is not',
    container: { env: [field('A', 'spec.containers')] },
    message: 'field label not supported: spec.containers',
  },
  {
    name: 'a resource that there is not',
    container: { env: [resource('A', 'limits.gpu')] },
    message: 'unsupported container resource : limits.gpu',
  },
  {
    name: 'a container that there is not',
    container: { env: [{ name: 'A', valueFrom: { resourceFieldRef: { containerName: 'no', resource: 'limits.cpu' } } }] },
    message: 'container no not found',
  },
  {
    name: 'a file that cannot be read',
    container: { env: [{ name: 'A', valueFrom: { fileKeyRef: { volumeName: 'made', path: 'no', key: 'A' } } }] },
    message: "couldn't parse env file",
  },
  {
    name: 'a key that is not in the file',
    container: { env: [{ name: 'A', valueFrom: { fileKeyRef: { volumeName: 'made', path: 'a.env', key: 'A' } } }] },
    message: 'environment variable key "A" not found in file "a.env"',
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

test('keys that cannot be variables are left out, and told', () => {
  const configs = new FakeConfigs()
  configs.setConfigMap('cfg', { ä: '1', good: '2', 'a=b': '3' })
  const told: string[] = []
  const container = aContainer('main', { envFrom: [{ prefix: 'P', configMapRef: { name: 'cfg' } }] })
  const env = makeEnvironment(aPod('web'), container, configs, FACTS, { warn: (...warning) => told.push(warning.join(': ')) })
  assert.deepEqual(env, [{ name: 'Pgood', value: '2' }])
  assert.deepEqual(told, [
    'InvalidEnvironmentVariableNames: Keys [Pa=b, Pä] from the EnvFrom configMap default/cfg were skipped since they are considered invalid environment variable names.',
  ])
})

test('labels are quoted as Go does', () => {
  const pod = aPod('web', {}, { annotations: { b: 'x', a: 'say "hi" \\\n\t\u0001\u200b€' } })
  assert.equal(podField(pod, 'metadata.annotations', FACTS), 'a="say \\"hi\\" \\\\\\n\\t\\x01\\u200b€"\nb="x"')
})

test('of two services called kubernetes that of the own namespace is shown; without links only the other', () => {
  const configs = new FakeConfigs()
  configs.serviceList.push(
    aService('kubernetes', 'shop', '10.43.0.7'),
    aService('web', 'shop', 'fd00::7'),
    aService('kubernetes', 'default', '10.43.0.1'),
  )
  const pod = aPod('web', { enableServiceLinks: true }, { namespace: 'shop' })
  const env = new Map(makeEnvironment(pod, aContainer('main'), configs, FACTS).map(({ name, value }) => [name, value]))
  assert.deepEqual([env.get('KUBERNETES_SERVICE_HOST'), env.get('WEB_PORT')], ['10.43.0.7', 'tcp://[fd00::7]:80'])
  const without = makeEnvironment(aPod('web', { enableServiceLinks: false }, { namespace: 'shop' }), aContainer('main'), configs, FACTS)
  assert.equal(without.find(({ name }) => name === 'KUBERNETES_SERVICE_HOST')?.value, '10.43.0.1')
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
