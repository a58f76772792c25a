import { join } from 'node:path'
import type { Container, VolumeMount } from '@bramble/api/types/pod'
import { type Device, type Mount, RuntimeError } from '../../runtime/runtime.ts'
import { type EnvEntry, expand } from '../environment.ts'
import type { Mounter } from './mounts/mounter.ts'
import { bindSubPath, makeSubPath } from './sub-path.ts'
import type { PreparedVolume } from './volume-type.ts'

/**
 * What a container mounts of its pod's volumes.
 *
 * @param subPaths Folder for the pod's sub paths, which are mounts of their own.
 * @throws RuntimeError `CreateContainerConfigError`.
 * @see Source: kubelet makeMounts.
 */
export async function volumeMounts(
  volumes: ReadonlyMap<string, PreparedVolume>,
  container: Container,
  env: readonly EnvEntry[],
  subPaths: string,
  mounter: Mounter,
): Promise<readonly Mount[]> {
  const mounts: Mount[] = []
  for (const [index, mount] of (container.volumeMounts ?? []).entries()) {
    const volume = volumes.get(mount.name)
    if (!volume || volume.isDevice) throw configError(`cannot find volume "${mount.name}" to mount into container "${container.name}"`)
    const subPath = subPathOf(mount, env)
    const target = join(subPaths, mount.name, container.name, String(index))
    if (subPath !== '') await prepareSubPath(volume, subPath, target, mount, container, mounter)
    const { mountPropagation: propagation = 'None' } = mount
    mounts.push({
      hostPath: subPath === '' ? volume.path : target,
      containerPath: mount.mountPath.startsWith('/') ? mount.mountPath : `/${mount.mountPath}`,
      readOnly: mount.readOnly === true || volume.readOnly,
      ...(propagation !== 'None' && { propagation: propagation === 'Bidirectional' ? 'rshared' : 'rslave' }),
      ...(isReadOnlyThroughout(mount) && { recursiveReadOnly: true }),
    })
  }
  return mounts
}

/**
 * Block devices of its pod's volumes, as a container knows them.
 * @throws RuntimeError `CreateContainerConfigError`.
 * @see Source: kubelet makeBlockVolumes.
 */
export function containerDevices(volumes: ReadonlyMap<string, PreparedVolume>, container: Container): readonly Device[] {
  return (container.volumeDevices ?? []).map(({ name, devicePath }) => {
    if (!devicePath.startsWith('/')) throw configError(`error DevicePath \`${devicePath}\` must be an absolute path`)
    const volume = volumes.get(name)
    if (!volume?.isDevice) throw configError(`cannot find volume "${name}" to pass into container "${container.name}"`)
    return { hostPath: volume.path, containerPath: devicePath, permissions: volume.readOnly ? 'r' : 'mrw' }
  })
}

/** '' when the whole volume is wanted. */
function subPathOf({ subPath = '', subPathExpr }: VolumeMount, env: readonly EnvEntry[]): string {
  const wanted = subPathExpr ? expanded(subPathExpr, new Map(env.map(({ name, value }) => [name, value]))) : subPath
  if (wanted.startsWith('/')) throw configError(`error SubPath \`${wanted}\` must not be an absolute path`)
  if (wanted.split('/').includes('..')) throw configError(`unable to provision SubPath \`${wanted}\`: must not contain '..'`)
  return wanted
}

function expanded(expression: string, values: ReadonlyMap<string, string>): string {
  const missing = new Set<string>()
  const text = expand(expression, (name) => {
    if (!values.get(name)) missing.add(name)
    return values.get(name)
  })
  if (missing.size > 0) throw configError(`missing value for ${[...missing].sort().join(', ')}`)
  return text
}

/** What went wrong stays here: it might tell of the node's own files. */
async function prepareSubPath(
  volume: PreparedVolume,
  subPath: string,
  target: string,
  { name }: VolumeMount,
  container: Container,
  mounter: Mounter,
): Promise<void> {
  const failed = (what: string, cause?: unknown): RuntimeError =>
    configError(`failed to ${what} for volumeMount "${name}" of container "${container.name}"`, { cause })
  if (volume.mayHang && !(await mounter.answers(volume.path))) throw failed('reach the server')
  try {
    await makeSubPath(volume.path, subPath)
  } catch (error) {
    throw failed('create subPath directory', error)
  }
  try {
    await bindSubPath(volume.path, subPath, target, mounter)
  } catch (error) {
    throw failed('prepare subPath', error)
  }
}

/** @see Source: kubelet resolveRecursiveReadOnly. */
function isReadOnlyThroughout({ name, readOnly, recursiveReadOnly = 'Disabled', mountPropagation = 'None' }: VolumeMount): boolean {
  if (recursiveReadOnly === 'Disabled') return false
  const refuse = (why: string): never => {
    throw configError(
      `failed to resolve recursive read-only mode: volume "${name}" requested recursive read-only mode, but it is not ${why}`,
    )
  }
  if (!readOnly) refuse('read-only')
  if (mountPropagation !== 'None') refuse(`compatible with propagation "${mountPropagation}"`)
  return true
}

const configError = (message: string, options?: ErrorOptions): RuntimeError =>
  new RuntimeError('CreateContainerConfigError', message, options)
