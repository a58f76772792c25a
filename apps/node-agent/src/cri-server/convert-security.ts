// Pure: what a container may do, as a kubelet says it, to what a runtime is told.
import {
  type LinuxContainerSecurityContext,
  type SecurityProfile,
  SecurityProfile_ProfileType as ProfileType,
  SupplementalGroupsPolicy,
} from '../runtime/cri/grpc/api_pb.js'
import type { ContainerConfig, SeccompProfile } from '../runtime/runtime.ts'
import { invalid } from './problem.ts'

type Security = ContainerConfig['security']

/** Whoever says nothing at all gets what is usual: masked /proc, filtered system calls. @throws CriProblem. */
export function securityOf(context: LinuxContainerSecurityContext | undefined): Security {
  if (!context) return USUAL
  const { privileged, capabilities, runAsUser, runAsGroup, runAsUsername, maskedPaths, readonlyPaths } = context
  if (runAsUser && runAsUsername !== '') throw invalid('run_as_user and run_as_username cannot both be set')
  if (runAsGroup && !runAsUser && runAsUsername === '') throw invalid('user group is specified without user')
  if ((capabilities?.addAmbientCapabilities.length ?? 0) > 0) throw invalid('ambient capabilities cannot be given')
  const appArmorProfile = appArmor(context)
  return {
    ...(runAsUser && { user: userId(runAsUser.value) }),
    ...(runAsUsername !== '' && { userName: runAsUsername }),
    ...(runAsGroup && { group: userId(runAsGroup.value) }),
    supplementalGroups: context.supplementalGroups.map(userId),
    ...(context.supplementalGroupsPolicy === SupplementalGroupsPolicy.Strict && { supplementalGroupsPolicy: 'strict' as const }),
    ...(appArmorProfile !== undefined && { appArmorProfile }),
    privileged,
    readOnlyRoot: context.readonlyRootfs,
    noNewPrivileges: context.noNewPrivs,
    addCapabilities: capabilities?.addCapabilities ?? [],
    dropCapabilities: capabilities?.dropCapabilities ?? [],
    seccomp: seccomp(context),
    procMount: !privileged && maskedPaths.length === 0 && readonlyPaths.length === 0 ? 'unmasked' : 'default',
  }
}

const USUAL: Security = {
  supplementalGroups: [],
  privileged: false,
  readOnlyRoot: false,
  noNewPrivileges: false,
  addCapabilities: [],
  dropCapabilities: [],
  seccomp: { type: 'runtime-default' },
  procMount: 'default',
}

const ID_MAX = 2n ** 31n

function userId(value: bigint): number {
  if (value < 0n || value >= ID_MAX) throw invalid(`${value} is no id of a user or group`)
  return Number(value)
}

/** The older field, a text, counts where there is no profile. @see Source: cri-api, LinuxContainerSecurityContext.seccomp_profile_path. */
function seccomp({ seccomp, seccompProfilePath }: LinuxContainerSecurityContext): SeccompProfile {
  if (!seccomp) {
    if (seccompProfilePath === 'unconfined') return { type: 'unconfined' }
    if (seccompProfilePath.startsWith(LOCALHOST)) return localProfile(seccompProfilePath.slice(LOCALHOST.length))
    return { type: 'runtime-default' }
  }
  if (seccomp.profileType === ProfileType.Localhost) return localProfile(withoutPrefix(seccomp))
  return { type: seccomp.profileType === ProfileType.Unconfined ? 'unconfined' : 'runtime-default' }
}

const LOCALHOST = 'localhost/'
const withoutPrefix = ({ localhostRef }: SecurityProfile): string =>
  localhostRef.startsWith(LOCALHOST) ? localhostRef.slice(LOCALHOST.length) : localhostRef

function localProfile(path: string): SeccompProfile {
  if (!path.startsWith('/')) throw invalid(`seccomp profile ${JSON.stringify(path)} must be an absolute path`)
  return { type: 'localhost', path }
}

function appArmor({ apparmor, apparmorProfile }: LinuxContainerSecurityContext): string | undefined {
  if (!apparmor) {
    if (apparmorProfile.startsWith(LOCALHOST)) return apparmorProfile.slice(LOCALHOST.length)
    return apparmorProfile === 'unconfined' ? 'unconfined' : undefined
  }
  if (apparmor.profileType === ProfileType.Localhost) return withoutPrefix(apparmor)
  return apparmor.profileType === ProfileType.Unconfined ? 'unconfined' : undefined
}
