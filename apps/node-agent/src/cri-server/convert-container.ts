// Pure: a container as a kubelet asks for it, to what a runtime is told.
import { join } from 'node:path'
import {
  type ContainerConfig as CriConfig,
  MountPropagation,
  type Mount as CriMount,
  NamespaceMode,
  type NamespaceOption,
  Signal,
} from '../runtime/cri/grpc/api_pb.js'
import type { ContainerConfig, Mount, SandboxConfig } from '../runtime/runtime.ts'
import { newContainerResources } from './convert-resources.ts'
import { checkUsers, NOWHERE } from './convert-sandbox.ts'
import { securityOf } from './convert-security.ts'
import { invalid } from './problem.ts'

/** Under which a runtime keeps what CRI wants to know again of a container. */
export const RECORD_ANNOTATION = 'bramble.dev/cri'

export interface NewContainer {
  readonly config: CriConfig
  readonly sandbox: SandboxConfig
  /** Id of its image. */
  readonly image: string
  /** Name servers of the pod, where it asked for some. */
  readonly resolvConf: string | undefined
  /** What is kept of it, as text. */
  readonly record: string
}

/** @throws CriProblem for what is not valid, or cannot be had. */
export function containerConfig({ config, sandbox, image, resolvConf, record }: NewContainer): ContainerConfig {
  const { metadata, linux } = config
  if (!metadata || metadata.name === '') throw invalid('container config must include metadata with a name')
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,250}$/.test(metadata.name))
    throw invalid(`container name ${JSON.stringify(metadata.name)} is not valid`)
  if (config.CDIDevices.length > 0) throw invalid('CDI devices cannot be given')
  const processesOf = targetOf(linux?.securityContext?.namespaceOptions, sandbox)
  return {
    name: metadata.name,
    attempt: metadata.attempt,
    image,
    imageReference: config.image?.userSpecifiedImage || config.image?.image || image,
    command: config.command,
    args: config.args,
    ...(config.workingDir !== '' && { workingDirectory: config.workingDir }),
    env: config.envs.map(({ key, value }) => ({ name: key, value: new TextDecoder().decode(value) })),
    mounts: mountsOf(config, resolvConf),
    logPath: logPath(config.logPath, sandbox.logDirectory),
    resources: newContainerResources(linux?.resources),
    oomScoreAdj: Number(linux?.resources?.oomScoreAdj ?? 0n),
    devices: config.devices.map(({ hostPath, containerPath, permissions }) => ({ hostPath, containerPath, permissions })),
    ...(processesOf !== undefined && { processesOf }),
    ...(config.stopSignal !== Signal.RUNTIME_DEFAULT && { stopSignal: signalName(config.stopSignal) }),
    security: securityOf(linux?.securityContext),
    tty: config.tty,
    stdin: config.stdin,
    stdinOnce: config.stdinOnce,
    terminationMessagePath: config.annotations['io.kubernetes.container.terminationMessagePath'] ?? '',
    annotations: { [RECORD_ANNOTATION]: record },
  }
}

/** Where the log of a container is. Without a path, or a folder for logs of its pod, nothing is logged. @throws CriProblem. */
export function logPath(path: string, logDirectory: string): string {
  if (path === '' || logDirectory === NOWHERE || logDirectory === '') return NOWHERE
  const whole = join(logDirectory, path)
  if (!whole.startsWith(`${logDirectory.replace(/\/+$/, '')}/`))
    throw invalid(`log path ${JSON.stringify(path)} leads out of the folder for logs`)
  return whole
}

/** Whose processes a container sees is the pod's to say, but for one that is shown another's. @throws CriProblem. */
function targetOf(options: NamespaceOption | undefined, sandbox: SandboxConfig): string | undefined {
  checkUsers(options)
  if (!options) return undefined
  if (options.pid === NamespaceMode.TARGET) {
    if (options.targetId === '') throw invalid('namespace mode TARGET needs target_id')
    return options.targetId
  }
  const ofPod = sandbox.hostPid ? NamespaceMode.NODE : sandbox.sharedProcesses ? NamespaceMode.POD : NamespaceMode.CONTAINER
  if (options.pid !== ofPod)
    throw invalid(`pid namespace ${NamespaceMode[options.pid]} in a pod with ${NamespaceMode[ofPod]} is not supported`)
  return undefined
}

function mountsOf({ mounts }: CriConfig, resolvConf: string | undefined): readonly Mount[] {
  const own = mounts.map(mountOf)
  if (resolvConf === undefined || own.some(({ containerPath }) => containerPath === RESOLV_CONF)) return own
  return [{ hostPath: resolvConf, containerPath: RESOLV_CONF, readOnly: false }, ...own]
}

const RESOLV_CONF = '/etc/resolv.conf'

function mountOf({ hostPath, containerPath, readonly, propagation, recursiveReadOnly, image, uidMappings, gidMappings }: CriMount): Mount {
  if (image?.image) throw invalid('images cannot be mounted')
  if (uidMappings.length + gidMappings.length > 0) throw invalid('mounts with mapped users are not supported')
  if (!containerPath.startsWith('/')) throw invalid(`mount path ${JSON.stringify(containerPath)} must be absolute`)
  if (!hostPath.startsWith('/')) throw invalid(`host path ${JSON.stringify(hostPath)} of a mount must be absolute`)
  if (recursiveReadOnly && !readonly) throw invalid(`mount ${containerPath}: recursive_read_only needs readonly`)
  return {
    hostPath,
    containerPath,
    readOnly: readonly,
    ...(PROPAGATION[propagation] && { propagation: PROPAGATION[propagation] }),
    ...(recursiveReadOnly && { recursiveReadOnly }),
  }
}

const PROPAGATION: Readonly<Partial<Record<MountPropagation, NonNullable<Mount['propagation']>>>> = {
  [MountPropagation.PROPAGATION_HOST_TO_CONTAINER]: 'rslave',
  [MountPropagation.PROPAGATION_BIDIRECTIONAL]: 'rshared',
}

/** `SIGRTMINPLUS3` is `SIGRTMIN+3`. */
const signalName = (signal: Signal): string => Signal[signal].replace('PLUS', '+').replace('MINUS', '-')
