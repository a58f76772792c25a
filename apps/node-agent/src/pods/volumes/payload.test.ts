import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PodSpec, ProjectedSource, Volume } from '@bramble/api/types/pod'
import { aContainer, aPod, FakeConfigs } from '../pods-harness.ts'
import { volumePayload } from './payload.ts'

const FACTS = { nodeName: 'pi-1', hostIp: '192.0.2.1', podIp: '', allocatable: { cpuMillis: 1000, memoryBytes: 2 ** 30 } }
const TOKEN: ProjectedSource = { serviceAccountToken: { path: 'token', expirationSeconds: 3607 } }

/** `path mode content [owner]` of every file. */
function filesOf(volume: Omit<Volume, 'name'>, spec: Partial<PodSpec> = {}): readonly string[] {
  const configs = new FakeConfigs()
  configs.setConfigMap('cfg', { a: '1', b: '2' })
  configs.setSecret('sec', { word: 'xyzzy' })
  configs.tokens.set('default/web', { 'v/token': 'ey.J' })
  const pod = aPod(
    'web',
    { containers: [aContainer('main', { resources: { limits: { cpu: '2' } } })], ...spec },
    { labels: { app: 'web' } },
  )
  const content = volumePayload({ name: 'v', ...volume }, { pod, source: configs, facts: FACTS, name: 'v' })
  return [...content].map(([path, { data, mode, user }]) => [path, mode.toString(8), data, ...(user === undefined ? [] : [user])].join(' '))
}

const projected = (...sources: readonly ProjectedSource[]): Omit<Volume, 'name'> => ({ projected: { sources: [...sources] } })

const cases: readonly { name: string; volume: Omit<Volume, 'name'>; spec?: Partial<PodSpec>; files: readonly string[] }[] = [
  { name: 'all keys of a ConfigMap', volume: { configMap: { name: 'cfg' } }, files: ['a 644 1', 'b 644 2'] },
  {
    name: 'chosen keys with modes',
    volume: {
      secret: {
        secretName: 'sec',
        defaultMode: 0o400,
        items: [
          { key: 'word', path: 'deep/./word' },
          { key: 'word', path: 'w', mode: 0o440 },
        ],
      },
    },
    files: ['deep/word 400 xyzzy', 'w 440 xyzzy'],
  },
  { name: 'optional and missing', volume: { configMap: { name: 'no', optional: true, items: [{ key: 'a', path: 'a' }] } }, files: [] },
  {
    name: 'an optional key that is missing',
    volume: { secret: { secretName: 'sec', optional: true, items: [{ key: 'no', path: 'a' }] } },
    files: [],
  },
  {
    name: 'what the pod is',
    volume: {
      downwardAPI: {
        defaultMode: 0o444,
        items: [
          { path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } },
          { path: 'name', fieldRef: { fieldPath: 'metadata.name' }, mode: 0o400 },
          { path: 'cpu', resourceFieldRef: { containerName: 'main', resource: 'limits.cpu', divisor: '1m' } },
        ],
      },
    },
    files: ['labels 444 app="web"', 'name 400 web', 'cpu 444 2000'],
  },
  {
    name: 'several sources in one folder, the later one wins',
    volume: projected({ configMap: { name: 'cfg' } }, { secret: { name: 'sec', items: [{ key: 'word', path: 'a' }] } }, TOKEN),
    files: ['a 644 xyzzy', 'b 644 2', 'token 644 ey.J'],
  },
  {
    name: 'a token of a pod with a group for its files is for that group alone',
    volume: projected(TOKEN),
    spec: { securityContext: { fsGroup: 2000 } },
    files: ['token 600 ey.J'],
  },
  {
    name: 'a token of a pod with one user is for that user alone',
    volume: projected(TOKEN),
    spec: { securityContext: { runAsUser: 1000 } },
    files: ['token 600 ey.J 1000'],
  },
  {
    name: 'a token of a pod with two users is for everybody in it',
    volume: projected(TOKEN),
    spec: { securityContext: { runAsUser: 1000 }, containers: [aContainer('a'), aContainer('b', { securityContext: { runAsUser: 5 } })] },
    files: ['token 644 ey.J'],
  },
]
for (const { name, volume, spec, files } of cases) test(`payload: ${name}`, () => assert.deepEqual(filesOf(volume, spec), files))

const field = (fieldPath: string): Omit<Volume, 'name'> => ({ downwardAPI: { items: [{ path: 'x', fieldRef: { fieldPath } }] } })
const at = (path: string): Omit<Volume, 'name'> => ({ configMap: { name: 'cfg', items: [{ key: 'a', path }] } })

const refusals: readonly { name: string; volume: Omit<Volume, 'name'>; message: string }[] = [
  { name: 'a missing ConfigMap', volume: { configMap: { name: 'no' } }, message: 'configmap "no" not found' },
  { name: 'a missing Secret', volume: { secret: { secretName: 'no' } }, message: 'secret "no" not found' },
  {
    name: 'a missing key of a ConfigMap',
    volume: { configMap: { name: 'cfg', items: [{ key: 'no', path: 'x' }] } },
    message: 'configmap references non-existent config key: no',
  },
  {
    name: 'a missing key of a Secret',
    volume: { secret: { secretName: 'sec', items: [{ key: 'no', path: 'x' }] } },
    message: 'references non-existent secret key: no',
  },
  {
    name: 'several missing sources, all of them told',
    volume: projected({ configMap: { name: 'no' } }, { secret: { name: 'none' } }),
    message: '[configmap "no" not found, secret "none" not found]',
  },
  {
    name: 'a token that has not come yet',
    volume: projected({ serviceAccountToken: { path: 'other' } }),
    message: 'failed to fetch token: none for service account "default" has come from the control plane yet',
  },
  { name: 'an address, which volumes cannot show', volume: field('status.podIP'), message: 'unsupported fieldPath: status.podIP' },
  {
    name: 'a source of another kind',
    volume: projected({ clusterTrustBundle: { name: 'x', path: 'y' } } as ProjectedSource),
    message: 'projected volumes with a source of type clusterTrustBundle are not supported on this node',
  },
  { name: 'an empty path', volume: at(''), message: 'invalid path: must not be empty: "."' },
  { name: 'an absolute path', volume: at('/x'), message: 'invalid path: must be relative path: /x' },
  { name: 'a path that leads out', volume: at('a/../../x'), message: "invalid path: must not contain '..': ../x" },
  { name: 'a path that looks like a version', volume: at('..data'), message: "invalid path: must not start with '..': ..data" },
  { name: 'a long name', volume: at('x'.repeat(256)), message: 'invalid path: filenames must be less than or equal to 255 characters' },
  {
    name: 'a file where a folder must be',
    volume: projected({ configMap: { name: 'cfg' } }, { secret: { name: 'sec', items: [{ key: 'word', path: 'a/x' }] } }),
    message: 'invalid path: "a/x" and "a" are in each other\'s way',
  },
]
for (const { name, volume, message } of refusals)
  test(`payload: ${name} is refused`, () => assert.throws(() => filesOf(volume), { name: 'VolumeError', volume: 'v', message }))
