import { type Container, isMirrorPod, type Pod, type PodSpec } from '@bramble/api/types/pod'
import { applyPodSpecDefaults } from './defaults.ts'
import type { PodSpecRest } from './pod-spec-rest.ts'
import { qualityOfService } from './quality-of-service.ts'

/** What holds for pods but not for templates. Source: Kubernetes pkg/apis/core/v1 SetDefaults_Pod. */
export function applyPodDefaults(pod: Pod): void {
  applyPodSpecDefaults(pod.spec)
  const spec: PodSpec & PodSpecRest = pod.spec
  spec.enableServiceLinks ??= true
  if (!isMirrorPod(pod)) spec.serviceAccountName ||= 'default'
  if (spec.serviceAccountName) spec.serviceAccount = spec.serviceAccountName
  for (const container of [...(spec.initContainers ?? []), ...spec.containers]) {
    requestLimits(container)
    if (spec.hostNetwork) for (const port of container.ports ?? []) port.hostPort ||= port.containerPort
  }
  pod.status ??= {}
  pod.status.phase ||= 'Pending'
  pod.status.qosClass ||= qualityOfService(spec)
}

/** Who says a limit and no request asks for as much as the limit. */
function requestLimits({ resources }: Container): void {
  for (const [name, limit] of Object.entries(resources?.limits ?? {})) {
    resources!.requests ??= {}
    resources!.requests[name] ??= limit
  }
}
