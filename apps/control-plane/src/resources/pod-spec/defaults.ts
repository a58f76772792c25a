import type { Container, PodSpec, Probe, Volume } from '@bramble/api/types/pod'
import type { PodTemplateSpec } from '@bramble/api/types/workload'
import type { Handler, Lifecycle, PodSpecRest, ProjectedSource } from './pod-spec-rest.ts'

/** rw-r--r--, as JSON has no octal. */
const FILE_MODE = 0o644
const GRACE_SECONDS = 30
const TOKEN_SECONDS = 3600

/**
 * What a pod spec means where it says nothing, for pods and templates alike. In place; a second time changes nothing.
 * @see Source: Kubernetes pkg/apis/core/v1 defaults.go.
 */
export function applyPodSpecDefaults(spec: PodSpec): void {
  spec.containers ??= []
  spec.restartPolicy ||= 'Always'
  spec.terminationGracePeriodSeconds ??= GRACE_SECONDS
  spec.dnsPolicy ||= 'ClusterFirst'
  spec.securityContext ??= {}
  spec.schedulerName ||= 'default-scheduler'
  nameServiceAccount(spec)
  for (const container of [...(spec.initContainers ?? []), ...spec.containers, ...(spec.ephemeralContainers ?? [])])
    applyContainerDefaults(container)
  for (const volume of spec.volumes ?? []) applyVolumeDefaults(volume)
}

/** A template may come without a spec: validation then says what is missing. */
export function applyTemplateDefaults(owner: { template?: PodTemplateSpec }): void {
  owner.template ??= { spec: { containers: [] } }
  owner.template.spec ??= { containers: [] }
  applyPodSpecDefaults(owner.template.spec)
}

/** `serviceAccount` is the old name of the same field. */
function nameServiceAccount(spec: PodSpec & PodSpecRest): void {
  const name = spec.serviceAccountName || spec.serviceAccount
  if (!name) return
  spec.serviceAccountName = name
  spec.serviceAccount = name
}

function applyContainerDefaults(container: Container): void {
  container.imagePullPolicy ||= hasMovingTag(container.image ?? '') ? 'Always' : 'IfNotPresent'
  container.terminationMessagePath ||= '/dev/termination-log'
  container.terminationMessagePolicy ||= 'File'
  container.resources ??= {}
  for (const port of container.ports ?? []) port.protocol ||= 'TCP'
  for (const { valueFrom } of container.env ?? []) if (valueFrom?.fieldRef) valueFrom.fieldRef.apiVersion ||= 'v1'
  for (const probe of [container.livenessProbe, container.readinessProbe, container.startupProbe]) if (probe) applyProbeDefaults(probe)
  const { postStart, preStop } = (container.lifecycle ?? {}) as Lifecycle
  for (const handler of [postStart, preStop]) if (handler) applyHandlerDefaults(handler)
}

/** No tag means `latest`; a digest never moves. */
function hasMovingTag(image: string): boolean {
  if (image.includes('@')) return false
  const tag = /:([^:/]*)$/.exec(image)?.[1]
  return tag === undefined || tag === 'latest'
}

function applyProbeDefaults(probe: Probe): void {
  probe.timeoutSeconds ||= 1
  probe.periodSeconds ||= 10
  probe.successThreshold ||= 1
  probe.failureThreshold ||= 3
  applyHandlerDefaults(probe)
  if (probe.grpc) probe.grpc.service ??= ''
}

function applyHandlerDefaults({ httpGet }: Handler): void {
  if (!httpGet) return
  httpGet.path ||= '/'
  httpGet.scheme ||= 'HTTP'
}

function applyVolumeDefaults(volume: Volume): void {
  const { name: _, ...sources } = volume
  if (Object.values(sources).every((source) => source === undefined)) volume.emptyDir = {}
  if (volume.hostPath) volume.hostPath.type ??= ''
  if (volume.configMap) volume.configMap.defaultMode ??= FILE_MODE
  if (volume.secret) volume.secret.defaultMode ??= FILE_MODE
  const projected = volume.projected as ProjectedSource | undefined
  const downwardApi = volume.downwardAPI as ProjectedSource | undefined
  for (const source of [projected, downwardApi]) if (source) source.defaultMode ??= FILE_MODE
  for (const source of projected?.sources ?? []) {
    if (source.serviceAccountToken) source.serviceAccountToken.expirationSeconds ??= TOKEN_SECONDS
    for (const { fieldRef } of source.downwardAPI?.items ?? []) if (fieldRef) fieldRef.apiVersion ||= 'v1'
  }
  for (const { fieldRef } of downwardApi?.items ?? []) if (fieldRef) fieldRef.apiVersion ||= 'v1'
}
