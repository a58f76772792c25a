import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { KubeObject } from '@bramble/api/object'
import type { Pod } from '@bramble/api/types/pod'
import { assignedId } from '@bramble/link/assignment'
import { silentLog } from '@bramble/reconcile/log'
import { runCommand } from '../../apps/node-agent/src/host/exec.ts'
import { AssignedFile } from '../../apps/node-agent/src/state/assigned-file.ts'
import type { Seal } from '../../apps/node-agent/src/state/seal.ts'
import { BUSYBOX_IMAGE } from '../../tools/images/build.ts'

export const CGROUP = 'brt-crash'
const POD_CIDR = '10.42.1.0/24'

const NO_SEAL: Seal = { seal: (bytes) => bytes, unseal: (bytes) => bytes }

/** What the agent is told to run, where it finds it without a control plane. */
export const savedAssignment = (folder: string): AssignedFile => new AssignedFile(join(folder, 'assigned.json'), NO_SEAL, silentLog)

/** Saves a new assignment, as an agent that was told it would have. */
export async function assign(folder: string, pods: readonly Pod[], version: string): Promise<void> {
  const node = {
    kind: 'Node',
    metadata: { name: 'pi-1', uid: 'n', resourceVersion: '1', creationTimestamp: '' },
    spec: { podCIDR: POD_CIDR },
  }
  const objects = new Map([node as KubeObject, ...pods].map((object) => [assignedId(object), object]))
  await savedAssignment(folder).save({ version, objects })
}

/** Two containers that go on, one that ended before them, files that must come and go with it. */
export const aPod = (name: string, uid: string): Pod => {
  const mounts = { volumeMounts: [{ name: 'kept', mountPath: '/kept' }] }
  const container = (as: string, command: string[]) => ({
    name: as,
    image: BUSYBOX_IMAGE,
    imagePullPolicy: 'Never' as const,
    command,
    ...mounts,
  })
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', uid, resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' },
    spec: {
      nodeName: 'pi-1',
      terminationGracePeriodSeconds: 1,
      volumes: [{ name: 'kept', emptyDir: {} }],
      initContainers: [container('first', ['touch', '/kept/began'])],
      containers: ['a', 'b'].map((as) =>
        container(as, ['sh', '-c', 'trap "exit 0" TERM; test -e /kept/began && while :; do sleep 1 & wait; done']),
      ),
    },
  } as Pod
}

/** As the API asks for it: gone after its grace. */
export const leaving = (pod: Pod): Pod => ({
  ...pod,
  metadata: { ...pod.metadata, resourceVersion: '2', deletionTimestamp: '2026-01-01T00:00:01Z', deletionGracePeriodSeconds: 1 },
})

export interface Seen {
  /** `pod/container` of each that runs now, sorted; twice if two attempts of it run. */
  readonly running: readonly string[]
  /** Names of pods of which any container is there. */
  readonly pods: readonly string[]
}

export async function look(): Promise<Seen> {
  const { stdout } = await runCommand('podman', ['ps', '--all', '--format', 'json'])
  const containers = (JSON.parse(stdout) as { State: string; Labels: Record<string, string> | null }[]).map(({ State, Labels }) => ({
    runs: State === 'running',
    pod: Labels?.['bramble.pod-name'] ?? '?',
    container: Labels?.['bramble.container'] ?? '?',
  }))
  return {
    running: containers
      .filter(({ runs }) => runs)
      .map(({ pod, container }) => `${pod}/${container}`)
      .sort(),
    pods: [...new Set(containers.map(({ pod }) => pod))].sort(),
  }
}

/** Groups outlive the host whose processes were in them. */
export async function removeGroups(): Promise<void> {
  await runCommand('find', ['/sys/fs/cgroup', '-depth', '-path', `*/${CGROUP}*`, '-type', 'd', '-exec', 'rmdir', '{}', ';'], {
    exitCodes: 'any',
  })
}

/** What pods leave on a node beside their containers, by kind; all empty when no pod is there. */
export async function traces(folder: string): Promise<Readonly<Record<string, readonly string[]>>> {
  const mounts = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n')
  const groups = await runCommand('find', ['/sys/fs/cgroup', '-path', `*/${CGROUP}/*pod*`, '-type', 'd'], { exitCodes: 'any' })
  return {
    namespaces: await namesIn('/run/netns'),
    sandboxes: await namesIn('/run/bramble/sandboxes'),
    files: [...(await namesIn(join(folder, 'data/pods'))), ...(await namesIn(join(folder, 'run/pods')))],
    logs: await namesIn(join(folder, 'log')),
    mounts: mounts.filter((line) => line.includes(folder) || line.includes('/run/bramble/sandboxes/')),
    cgroups: groups.stdout.split('\n').filter((line) => line !== ''),
  }
}

const namesIn = (folder: string): Promise<readonly string[]> => readdir(folder).catch(() => [])
