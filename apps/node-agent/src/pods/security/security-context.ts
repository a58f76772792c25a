import { join, normalize } from 'node:path/posix'
import type { AppArmorProfile, Container, Pod } from '@bramble/api/types/pod'
import { type ContainerConfig, type ImageState, RuntimeError, type SeccompProfile } from '../../runtime/runtime.ts'

export interface SecuritySettings {
  /** Folder of seccomp profiles that pods may name. */
  readonly seccompFolder: string
  /** For pods that say nothing. */
  readonly seccompDefault: 'runtime-default' | 'unconfined'
}

export const DEFAULT_SECURITY: SecuritySettings = {
  seccompFolder: '/var/lib/bramble/agent/seccomp',
  seccompDefault: 'runtime-default',
}

/**
 * What a container may do: its own security context, where it says nothing that of its pod.
 *
 * @param moreGroups Of devices and volumes that it gets.
 * @throws RuntimeError `CreateContainerConfigError` when the pod forbids what its image wants, or cannot have what it wants.
 * @see Source: kubelet kuberuntime determineEffectiveSecurityContext, verifyRunAsNonRoot; securitycontext AddNoNewPrivileges.
 */
export function securityOf(
  pod: Pod,
  container: Container,
  image: ImageState,
  settings: SecuritySettings = DEFAULT_SECURITY,
  moreGroups: readonly number[] = [],
): ContainerConfig['security'] {
  const ofPod = pod.spec.securityContext ?? {}
  const own = container.securityContext ?? {}
  const privileged = own.privileged ?? false
  verifyNonRoot(pod, container, image)
  const { fsGroup, supplementalGroups = [] } = ofPod
  const appArmorProfile = privileged ? undefined : appArmorName(appArmorOf(pod, container))
  return {
    ...userOf(pod, container, image),
    supplementalGroups: [...new Set([...(fsGroup === undefined ? [] : [fsGroup]), ...supplementalGroups, ...moreGroups])],
    ...(ofPod.supplementalGroupsPolicy === 'Strict' && { supplementalGroupsPolicy: 'strict' as const }),
    ...(appArmorProfile !== undefined && { appArmorProfile }),
    privileged,
    readOnlyRoot: own.readOnlyRootFilesystem ?? false,
    noNewPrivileges: own.allowPrivilegeEscalation === false,
    addCapabilities: own.capabilities?.add ?? [],
    dropCapabilities: own.capabilities?.drop ?? [],
    seccomp: privileged ? { type: 'unconfined' } : seccompOf(pod, container, settings),
    procMount: own.procMount === 'Unmasked' ? 'unmasked' : 'default',
  }
}

/** The profile that a container asks for, in a field or the older annotation. */
export function appArmorOf(pod: Pod, container: Container): AppArmorProfile | undefined {
  const field = container.securityContext?.appArmorProfile ?? pod.spec.securityContext?.appArmorProfile
  if (field) return field
  const annotation = pod.metadata.annotations?.[`${APPARMOR_ANNOTATION}${container.name}`]
  if (annotation === 'runtime/default') return { type: 'RuntimeDefault' }
  if (annotation === 'unconfined') return { type: 'Unconfined' }
  return annotation?.startsWith('localhost/') ? { type: 'Localhost', localhostProfile: annotation.slice('localhost/'.length) } : undefined
}

const APPARMOR_ANNOTATION = 'container.apparmor.security.beta.kubernetes.io/'

const appArmorName = (profile: AppArmorProfile | undefined): string | undefined =>
  profile?.type === 'Unconfined' ? 'unconfined' : profile?.type === 'Localhost' ? profile.localhostProfile : undefined

/** The image's own user and group stay where the pod names neither. A group alone needs a user to belong to. */
function userOf(pod: Pod, container: Container, image: ImageState): Pick<ContainerConfig['security'], 'user' | 'userName' | 'group'> {
  const user = container.securityContext?.runAsUser ?? pod.spec.securityContext?.runAsUser
  const group = container.securityContext?.runAsGroup ?? pod.spec.securityContext?.runAsGroup
  if (user !== undefined) return { user, ...(group !== undefined && { group }) }
  if (group === undefined) return image.userName === undefined ? {} : { userName: image.userName }
  return image.userName === undefined ? { user: image.userId ?? 0, group } : { userName: image.userName, group }
}

function verifyNonRoot(pod: Pod, container: Container, image: ImageState): void {
  const own = container.securityContext ?? {}
  const ofPod = pod.spec.securityContext ?? {}
  if (!(own.runAsNonRoot ?? ofPod.runAsNonRoot)) return
  const user = own.runAsUser ?? ofPod.runAsUser
  const which = `(pod: "${pod.metadata.name}_${pod.metadata.namespace}(${pod.metadata.uid})", container: ${container.name})`
  if (user === 0) throw configError(`container's runAsUser breaks non-root policy ${which}`)
  if (user !== undefined) return
  if (image.userName !== undefined)
    throw configError(
      `container has runAsNonRoot and image has non-numeric user (${image.userName}), cannot verify user is non-root ${which}`,
    )
  if ((image.userId ?? 0) === 0) throw configError(`container has runAsNonRoot and image will run as root ${which}`)
}

function seccompOf(pod: Pod, container: Container, settings: SecuritySettings): SeccompProfile {
  const profile = container.securityContext?.seccompProfile ?? pod.spec.securityContext?.seccompProfile
  switch (profile?.type) {
    case 'Unconfined':
      return { type: 'unconfined' }
    case 'RuntimeDefault':
      return { type: 'runtime-default' }
    case 'Localhost': {
      const { localhostProfile } = profile
      if (!localhostProfile) throw configError('localhostProfile must be set if seccompProfile type is Localhost.')
      const path = normalize(join(settings.seccompFolder, localhostProfile))
      if (!path.startsWith(`${normalize(settings.seccompFolder)}/`))
        throw configError(`seccomp profile "${localhostProfile}" is not below the folder of profiles`)
      return { type: 'localhost', path }
    }
    case undefined:
      return { type: settings.seccompDefault }
  }
}

const configError = (message: string): RuntimeError => new RuntimeError('CreateContainerConfigError', message)
