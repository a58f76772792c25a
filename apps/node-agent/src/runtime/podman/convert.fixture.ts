import { PLAIN_SECURITY } from '../contract/pod-under-test.ts'
import type { ContainerConfig } from '../runtime.ts'
import { type ContainerContext, containerSpec, type HostTraits, LABEL } from './convert.ts'
import type { ContainerSpec, InspectedContainer, ListedContainer } from './libpod.ts'
import type { SandboxPlaces, SandboxRecord } from './sandboxes.ts'

/** Go's zero time. */
export const NEVER = '0001-01-01T00:00:00Z'

const sandbox: SandboxRecord = {
  podUid: 'u1',
  namespace: 'default',
  name: 'web',
  createdAtMs: 0,
  hostNetwork: false,
  hostPid: false,
  hostIpc: false,
  hostname: 'web',
  bootId: 'b',
  made: { netnsPath: '/run/netns/n', ip: '10.42.0.5' },
}
const places: SandboxPlaces = {
  ipc: '/s/ipc',
  uts: '/s/uts',
  pid: '/s/pid',
  shm: '/s/shm',
  hosts: '/s/hosts',
  hostname: '/s/hostname',
  resolvConf: '/s/resolv.conf',
  mounts: '/s/mounts',
}
export const host: HostTraits = {
  limits: { openFilesMax: 20_000, processesMax: 30_000, oomScoreAdjMin: 0 },
  cgroupParent: '/bramble/podu1',
  controllers: ['cpu', 'memory'],
  cgroupVersion: 1,
  logBytesMax: 1 << 20,
}
const config: ContainerConfig = {
  name: 'main',
  attempt: 0,
  image: 'sha256:abc',
  imageReference: 'nginx',
  command: [],
  args: [],
  env: [],
  mounts: [],
  logPath: '/log/0.log',
  resources: { cpuRequestMillis: 100 },
  devices: [],
  stdinOnce: false,
  oomScoreAdj: 500,
  tty: false,
  stdin: false,
  terminationMessagePath: '/dev/termination-log',
  annotations: {},
  security: PLAIN_SECURITY,
}
export const specOf = (
  change: Partial<ContainerConfig> = {},
  pod: Partial<SandboxRecord> = {},
  machine: Partial<HostTraits> = {},
  context: ContainerContext = {},
): ContainerSpec => containerSpec({ ...sandbox, ...pod }, places, { ...config, ...change }, { ...host, ...machine }, context)
export const security = (change: Partial<ContainerConfig['security']>): Partial<ContainerConfig> => ({
  security: { ...config.security, ...change },
})

export const listed: ListedContainer = {
  Id: 'c1',
  State: 'created',
  Created: '2026-01-01T00:00:00Z',
  StartedAt: 0,
  ImageID: 'abc',
  Pid: 0,
  Labels: {
    [LABEL.podUid]: 'u1',
    [LABEL.container]: 'main',
    [LABEL.attempt]: '2',
    [LABEL.imageReference]: 'nginx',
    [LABEL.logPath]: '/log/0.log',
    [LABEL.annotations]: '{"a":"b"}',
  },
}

export const inspected = (state: Partial<InspectedContainer['State']>): InspectedContainer => ({
  Id: 'c1',
  Config: { Labels: {} },
  State: { Status: 'created', Pid: 0, ExitCode: 0, OOMKilled: false, StartedAt: NEVER, FinishedAt: '2026-01-02T00:00:00Z', ...state },
})

export function pick<T extends object, K extends keyof T>(object: T, ...keys: readonly K[]): Pick<T, K> {
  return Object.fromEntries(keys.map((key) => [key, object[key]])) as Pick<T, K>
}
