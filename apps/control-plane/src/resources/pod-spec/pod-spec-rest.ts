import type { Probe } from '@bramble/api/types/pod'

// Parts of core/v1 PodSpec that only defaults and validation look into.

export interface PodSpecRest {
  /** Old name of serviceAccountName. */
  serviceAccount?: string
  preemptionPolicy?: string
  runtimeClassName?: string
  dnsConfig?: { nameservers?: string[]; searches?: string[]; options?: { name?: string; value?: string }[] }
}

export type Handler = Pick<Probe, 'httpGet' | 'tcpSocket' | 'exec' | 'grpc'> & { sleep?: { seconds?: number } }

export interface Lifecycle {
  postStart?: Handler
  preStop?: Handler
}

interface DownwardItem {
  path?: string
  fieldRef?: { apiVersion?: string; fieldPath?: string }
  resourceFieldRef?: { containerName?: string; resource?: string }
  mode?: number
}

/** Both `projected` (has sources) and `downwardAPI` (has items). */
export interface ProjectedSource {
  defaultMode?: number
  items?: DownwardItem[]
  sources?: {
    secret?: { name?: string }
    configMap?: { name?: string }
    downwardAPI?: { items?: DownwardItem[] }
    serviceAccountToken?: { expirationSeconds?: number; path?: string; audience?: string }
    clusterTrustBundle?: unknown
  }[]
}

export interface PodAffinityTerm {
  topologyKey?: string
  labelSelector?: { matchLabels?: Record<string, string>; matchExpressions?: { key: string; operator: 'In'; values?: string[] }[] }
}
export interface PodAffinity {
  requiredDuringSchedulingIgnoredDuringExecution?: PodAffinityTerm[]
  preferredDuringSchedulingIgnoredDuringExecution?: { weight?: number; podAffinityTerm?: PodAffinityTerm }[]
}

export interface SpreadConstraint {
  maxSkew?: number
  topologyKey?: string
  whenUnsatisfiable?: string
}
