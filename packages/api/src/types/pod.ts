import type { Condition } from '../conditions.ts'
import type { KubeObject, Timestamp } from '../object.ts'

// The parts of core/v1 Pod that Bramble's own code reads. What it does not read is kept as it came.
// Source: Kubernetes 1.36 API, core/v1.

export type Quantity = string | number
export type ResourceList = Record<string, Quantity>

export interface Pod extends KubeObject {
  spec: PodSpec
  status?: PodStatus
}

export interface PodSpec {
  containers: Container[]
  initContainers?: Container[]
  /** Added to a running pod, through its subresource, to look at it. */
  ephemeralContainers?: EphemeralContainer[]
  volumes?: Volume[]
  restartPolicy?: 'Always' | 'OnFailure' | 'Never'
  terminationGracePeriodSeconds?: number
  activeDeadlineSeconds?: number
  dnsPolicy?: string
  dnsConfig?: { nameservers?: string[]; searches?: string[]; options?: { name?: string; value?: string }[] }
  shareProcessNamespace?: boolean
  setHostnameAsFQDN?: boolean
  hostnameOverride?: string
  nodeSelector?: Record<string, string>
  nodeName?: string
  hostNetwork?: boolean
  hostPID?: boolean
  hostIPC?: boolean
  /** false: users of its own, in a user namespace. */
  hostUsers?: boolean
  hostname?: string
  subdomain?: string
  hostAliases?: { ip: string; hostnames?: string[] }[]
  affinity?: Affinity
  schedulerName?: string
  tolerations?: Toleration[]
  priority?: number
  priorityClassName?: string
  serviceAccountName?: string
  automountServiceAccountToken?: boolean
  imagePullSecrets?: { name?: string }[]
  securityContext?: PodSecurityContext
  enableServiceLinks?: boolean
  topologySpreadConstraints?: unknown[]
  readinessGates?: { conditionType: string }[]
  overhead?: ResourceList
  /** Of the pod as a whole. */
  resources?: ResourceRequirements
}

export interface ResourceRequirements {
  limits?: ResourceList
  requests?: ResourceList
}

export interface SeccompProfile {
  type: 'RuntimeDefault' | 'Localhost' | 'Unconfined'
  localhostProfile?: string
}

export interface AppArmorProfile {
  type: 'RuntimeDefault' | 'Localhost' | 'Unconfined'
  localhostProfile?: string
}

export interface PodSecurityContext {
  runAsUser?: number
  runAsGroup?: number
  runAsNonRoot?: boolean
  fsGroup?: number
  fsGroupChangePolicy?: 'OnRootMismatch' | 'Always'
  supplementalGroups?: number[]
  supplementalGroupsPolicy?: 'Merge' | 'Strict'
  seccompProfile?: SeccompProfile
  appArmorProfile?: AppArmorProfile
  sysctls?: { name: string; value: string }[]
}

export interface SecurityContext {
  privileged?: boolean
  runAsUser?: number
  runAsGroup?: number
  runAsNonRoot?: boolean
  readOnlyRootFilesystem?: boolean
  allowPrivilegeEscalation?: boolean
  capabilities?: { add?: string[]; drop?: string[] }
  seccompProfile?: SeccompProfile
  appArmorProfile?: AppArmorProfile
  procMount?: 'Default' | 'Unmasked'
}

export interface Container {
  name: string
  image: string
  command?: string[]
  args?: string[]
  workingDir?: string
  ports?: ContainerPort[]
  env?: EnvVar[]
  envFrom?: EnvFromSource[]
  resources?: ResourceRequirements
  resizePolicy?: { resourceName?: string; restartPolicy?: string }[]
  volumeMounts?: VolumeMount[]
  volumeDevices?: { name: string; devicePath: string }[]
  livenessProbe?: Probe
  readinessProbe?: Probe
  startupProbe?: Probe
  lifecycle?: Lifecycle
  terminationMessagePath?: string
  terminationMessagePolicy?: 'File' | 'FallbackToLogsOnError'
  imagePullPolicy?: 'Always' | 'IfNotPresent' | 'Never'
  securityContext?: SecurityContext
  stdin?: boolean
  stdinOnce?: boolean
  tty?: boolean
  /** Own instead of the pod's; `Always` of an init container makes it a sidecar. */
  restartPolicy?: 'Always' | 'OnFailure' | 'Never'
  restartPolicyRules?: ContainerRestartRule[]
}

/** The first that fits an exit decides instead of the policy. */
export interface ContainerRestartRule {
  action: 'Restart' | 'RestartAllContainers'
  exitCodes?: { operator: 'In' | 'NotIn'; values?: number[] }
}

export interface Lifecycle {
  postStart?: LifecycleHandler
  preStop?: LifecycleHandler
  stopSignal?: string
}
export interface LifecycleHandler {
  exec?: { command?: string[] }
  httpGet?: HttpGetAction
  tcpSocket?: { port: number | string; host?: string }
  sleep?: { seconds: number }
}

export interface EphemeralContainer extends Container {
  /** Whose processes it sees. */
  targetContainerName?: string
}

export interface ContainerPort {
  name?: string
  containerPort: number
  hostPort?: number
  hostIP?: string
  protocol?: Protocol
}
export type Protocol = 'TCP' | 'UDP' | 'SCTP'

export interface KeySelector {
  name?: string
  key: string
  optional?: boolean
}
export interface EnvVar {
  name: string
  value?: string
  valueFrom?: {
    fieldRef?: { apiVersion?: string; fieldPath: string }
    resourceFieldRef?: { containerName?: string; resource: string; divisor?: Quantity }
    configMapKeyRef?: KeySelector
    secretKeyRef?: KeySelector
    /** A line `KEY=value` of a file that an earlier container wrote. */
    fileKeyRef?: { volumeName: string; path: string; key: string; optional?: boolean }
  }
}
export interface EnvFromSource {
  prefix?: string
  configMapRef?: { name?: string; optional?: boolean }
  secretRef?: { name?: string; optional?: boolean }
}

export interface KeyToPath {
  key: string
  path: string
  mode?: number
}
export interface Volume {
  name: string
  emptyDir?: { medium?: string; sizeLimit?: Quantity }
  hostPath?: { path: string; type?: string }
  configMap?: { name?: string; items?: KeyToPath[]; defaultMode?: number; optional?: boolean }
  secret?: { secretName?: string; items?: KeyToPath[]; defaultMode?: number; optional?: boolean }
  downwardAPI?: { items?: DownwardFile[]; defaultMode?: number }
  projected?: { sources?: ProjectedSource[]; defaultMode?: number }
  persistentVolumeClaim?: { claimName: string; readOnly?: boolean }
  nfs?: { server: string; path: string; readOnly?: boolean }
  csi?: {
    driver: string
    fsType?: string
    readOnly?: boolean
    volumeAttributes?: Record<string, string>
    nodePublishSecretRef?: { name?: string }
  }
  /** The claim is made by a controller, `<pod>-<volume>`. */
  ephemeral?: { volumeClaimTemplate?: unknown }
}
export interface DownwardFile {
  path: string
  fieldRef?: { apiVersion?: string; fieldPath: string }
  resourceFieldRef?: { containerName?: string; resource: string; divisor?: Quantity }
  mode?: number
}
/** One of its fields. */
export interface ProjectedSource {
  configMap?: { name?: string; items?: KeyToPath[]; optional?: boolean }
  secret?: { name?: string; items?: KeyToPath[]; optional?: boolean }
  downwardAPI?: { items?: DownwardFile[] }
  serviceAccountToken?: { audience?: string; expirationSeconds?: number; path: string }
}
export interface VolumeMount {
  name: string
  mountPath: string
  readOnly?: boolean
  recursiveReadOnly?: 'Disabled' | 'IfPossible' | 'Enabled'
  subPath?: string
  subPathExpr?: string
  mountPropagation?: 'None' | 'HostToContainer' | 'Bidirectional'
}

export interface HttpGetAction {
  path?: string
  port: number | string
  host?: string
  scheme?: 'HTTP' | 'HTTPS'
  httpHeaders?: { name: string; value: string }[]
}

export interface Probe {
  httpGet?: HttpGetAction
  tcpSocket?: { port: number | string; host?: string }
  exec?: { command?: string[] }
  grpc?: { port: number; service?: string }
  initialDelaySeconds?: number
  timeoutSeconds?: number
  periodSeconds?: number
  successThreshold?: number
  failureThreshold?: number
  terminationGracePeriodSeconds?: number
}

export interface NodeSelectorRequirement {
  key: string
  operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist' | 'Gt' | 'Lt'
  values?: string[]
}
export interface NodeSelectorTerm {
  matchExpressions?: NodeSelectorRequirement[]
  matchFields?: NodeSelectorRequirement[]
}
export interface Affinity {
  nodeAffinity?: {
    requiredDuringSchedulingIgnoredDuringExecution?: { nodeSelectorTerms: NodeSelectorTerm[] }
    preferredDuringSchedulingIgnoredDuringExecution?: { weight: number; preference: NodeSelectorTerm }[]
  }
  podAffinity?: unknown
  podAntiAffinity?: unknown
}

export type TaintEffect = 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute'
export interface Toleration {
  key?: string
  operator?: 'Exists' | 'Equal'
  value?: string
  effect?: TaintEffect
  tolerationSeconds?: number
}

export type PodPhase = 'Pending' | 'Running' | 'Succeeded' | 'Failed' | 'Unknown'
export interface PodCondition extends Condition {
  lastProbeTime?: Timestamp | null
  observedGeneration?: number
}
export interface PodStatus {
  phase?: PodPhase
  conditions?: PodCondition[]
  message?: string
  reason?: string
  hostIP?: string
  hostIPs?: { ip: string }[]
  podIP?: string
  podIPs?: { ip: string }[]
  startTime?: Timestamp
  qosClass?: 'Guaranteed' | 'Burstable' | 'BestEffort'
  observedGeneration?: number
  initContainerStatuses?: ContainerStatus[]
  containerStatuses?: ContainerStatus[]
  ephemeralContainerStatuses?: ContainerStatus[]
  /** Of the pod as a whole, where it has any of its own. */
  resources?: ResourceRequirements
}
export interface ContainerStatus {
  name: string
  state?: ContainerStatusState
  lastState?: ContainerStatusState
  ready: boolean
  restartCount: number
  image: string
  imageID: string
  containerID?: string
  started?: boolean
  /** What the node has set aside. */
  allocatedResources?: ResourceList
  /** What applies to the running container. */
  resources?: ResourceRequirements
  volumeMounts?: { name: string; mountPath: string; readOnly?: boolean; recursiveReadOnly?: string }[]
  user?: { linux?: { uid: number; gid: number; supplementalGroups?: number[] } }
}
export interface ContainerStatusState {
  waiting?: { reason?: string; message?: string }
  running?: { startedAt?: Timestamp }
  terminated?: {
    exitCode: number
    signal?: number
    reason?: string
    message?: string
    startedAt?: Timestamp
    finishedAt?: Timestamp
    containerID?: string
  }
}

/** A pod that will never run again. */
export const isTerminal = (pod: Pod): boolean => pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed'

/** A node's own pod, of which the API shows an image. Source: core/v1 MirrorPodAnnotationKey. */
export const MIRROR_ANNOTATION = 'kubernetes.io/config.mirror'
export const isMirrorPod = ({ metadata }: Pick<Pod, 'metadata'>): boolean => metadata.annotations?.[MIRROR_ANNOTATION] !== undefined

export const isPodReady = (pod: Pod): boolean =>
  pod.status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True') ?? false
