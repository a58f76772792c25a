import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import type { JsonObject, KubeObject } from '@bramble/api/object'
import { mutableCopy } from '@bramble/api/object'
import { seeded } from '@bramble/reconcile/sim/seeded'
import { loadLibraries } from '../api/custom/libraries.ts'
import { decodeObject } from '../api/decode.ts'
import type { ResourceDefinition } from '../api/resource.ts'
import { anyValue } from '../api/schema/any-value.fixture.ts'
import { allResources } from './all.ts'

const SEEDS = 60
const ignoringUnknown = { fieldValidation: 'Ignore', warn: () => {} } as const

before(() => loadLibraries({ pattern: '', 'x-kubernetes-validations': [] }))

for (const resource of allResources) {
  const label = `${resource.kind}.${resource.group}`

  test(`${label}: whatever the schema lets through is defaulted, checked and printed without a throw`, () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const draft = anyObject(resource, seed)
      const previous = anyObject(resource, seed + SEEDS)
      assert.doesNotThrow(() => {
        resource.applyDefaults?.(previous)
        resource.prepare?.(draft, seed % 2 === 0 ? previous : undefined)
        resource.applyDefaults?.(draft)
        resource.validate?.(draft, undefined)
        resource.validate?.(draft, previous)
        resource.fields?.(draft)
        resource.gracePeriodSeconds?.(draft)
        for (const column of resource.columns) column.value(draft, Date.UTC(2026, 0, 1))
      }, `seed ${seed}`)
    }
  })

  test(`${label}: defaulting twice is defaulting once`, () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const draft = anyObject(resource, seed)
      resource.prepare?.(draft, undefined)
      resource.applyDefaults?.(draft)
      const once = mutableCopy(draft)
      resource.applyDefaults?.(draft)
      assert.deepEqual(draft, once, `seed ${seed}`)
    }
  })

  test(`${label}: an update that changes nothing is refused for nothing new`, () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const stored = anyObject(resource, seed)
      resource.prepare?.(stored, undefined)
      resource.applyDefaults?.(stored)
      const draft = mutableCopy(stored)
      resource.prepare?.(draft, stored)
      resource.applyDefaults?.(draft)
      const onCreate = (resource.validate?.(stored, undefined) ?? []).map(({ path, message }) => `${path}: ${message}`)
      const onUpdate = (resource.validate?.(draft, stored) ?? []).map(({ path, message }) => `${path}: ${message}`)
      assert.deepEqual(
        onUpdate.filter((error) => !onCreate.includes(error) && !/when `immutable` is set/.test(error)),
        [],
        `seed ${seed}`,
      )
    }
  })
}

test('every kind is named once', () => {
  const names = allResources
    .filter(({ columns }) => columns.length > 0)
    .map(({ group, version, plural }) => `${group}/${version}/${plural}`)
  assert.equal(new Set(names).size, names.length)
})

test('clients can only read what nodes measure', () => {
  for (const metrics of allResources.filter(({ group }) => group === 'metrics.k8s.io')) assert.deepEqual(metrics.verbs, ['get', 'list'])
})

const COLUMNS: Readonly<Record<string, string>> = {
  AgentUpgrade: 'Name; Version; Updated; Failed; Offline; Status; Age; Message:1',
  APIService: 'Name; Service; Available; Age',
  CustomResourceDefinition: 'Name; Created At',
  ComponentStatus: 'Name; Status; Message; Error',
  ConfigMap: 'Name; Data; Age',
  Endpoints: 'Name; Endpoints; Age',
  Event: 'Last Seen; Type; Reason; Object; Subobject:1; Source:1; Message; First Seen:1; Count:1; Name:1',
  Namespace: 'Name; Status; Age',
  Node: 'Name; Status; Roles; Age; Version; Internal-IP:1; External-IP:1; OS-Image:1; Kernel-Version:1; Container-Runtime:1',
  Pod: 'Name; Ready; Status; Restarts; Age; IP:1; Node:1; Nominated Node:1; Readiness Gates:1',
  Secret: 'Name; Type; Data; Age',
  ServiceAccount: 'Name; Age',
  Service: 'Name; Type; Cluster-IP; External-IP; Port(s); Age; Selector:1',
  ControllerRevision: 'Name; Controller; Revision; Age',
  DaemonSet: 'Name; Desired; Current; Ready; Up-to-date; Available; Node Selector; Age; Containers:1; Images:1; Selector:1',
  Deployment: 'Name; Ready; Up-to-date; Available; Age; Containers:1; Images:1; Selector:1',
  ReplicaSet: 'Name; Desired; Current; Ready; Age; Containers:1; Images:1; Selector:1',
  PodTemplate: 'Name; Containers; Images; Pod Labels',
  ReplicationController: 'Name; Desired; Current; Ready; Age; Containers:1; Images:1; Selector:1',
  ResourceQuota: 'Name; Request; Limit; Age',
  LimitRange: 'Name; Created At',
  PersistentVolumeClaim: 'Name; Status; Volume; Capacity; Access Modes; StorageClass; VolumeAttributesClass; Age; VolumeMode:1',
  PersistentVolume:
    'Name; Capacity; Access Modes; Reclaim Policy; Status; Claim; StorageClass; VolumeAttributesClass; Reason; Age; VolumeMode:1',
  StatefulSet: 'Name; Ready; Age; Containers:1; Images:1',
  HorizontalPodAutoscaler: 'Name; Reference; Targets; MinPods; MaxPods; Replicas; Age',
  CronJob: 'Name; Schedule; Timezone; Suspend; Active; Last Schedule; Age; Containers:1; Images:1; Selector:1',
  Job: 'Name; Status; Completions; Duration; Age; Containers:1; Images:1; Selector:1',
  PodDisruptionBudget: 'Name; Min Available; Max Unavailable; Allowed Disruptions; Age',
  Lease: 'Name; Holder; Age',
  EndpointSlice: 'Name; AddressType; Ports; Endpoints; Age',
  IngressClass: 'Name; Controller; Parameters; Age',
  Ingress: 'Name; Class; Hosts; Address; Ports; Age',
  IPAddress: 'Name; ParentRef',
  NetworkPolicy: 'Name; Pod-Selector; Age',
  ServiceCIDR: 'Name; CIDRs; Age',
  CSIDriver: 'Name; AttachRequired; PodInfoOnMount; StorageCapacity; TokenRequests; RequiresRepublish; Modes; Age',
  CSINode: 'Name; Drivers; Age',
  CSIStorageCapacity: 'Name; Created At',
  StorageClass: 'Name; Provisioner; ReclaimPolicy; VolumeBindingMode; AllowVolumeExpansion; Age',
  VolumeAttachment: 'Name; Attacher; PV; Node; Attached; Age',
  VolumeAttributesClass: 'Name; DriverName; Age',
  MutatingAdmissionPolicy: 'Name; Mutations; ParamKind; Age',
  MutatingAdmissionPolicyBinding: 'Name; PolicyName; ParamRef; Age',
  MutatingWebhookConfiguration: 'Name; Webhooks; Age',
  ValidatingAdmissionPolicy: 'Name; Validations; ParamKind; Age',
  ValidatingAdmissionPolicyBinding: 'Name; PolicyName; ParamRef; Age',
  ValidatingWebhookConfiguration: 'Name; Webhooks; Age',
  CertificateSigningRequest: 'Name; Age; SignerName; Requestor; RequestedDuration; Condition',
  DeviceClass: 'Name; Age',
  ResourceClaim: 'Name; State; Age',
  ResourceClaimTemplate: 'Name; Age',
  ResourceSlice: 'Name; Node; Driver; Pool; Age',
  FlowSchema: 'Name; PriorityLevel; MatchingPrecedence; DistinguisherMethod; Age; MissingPL',
  PriorityLevelConfiguration: 'Name; Type; NominalConcurrencyShares; Queues; HandSize; QueueLengthLimit; Age',
  PriorityClass: 'Name; Value; Global-Default; Age; PreemptionPolicy:1',
  RuntimeClass: 'Name; Handler; Age',
  NodeMetrics: 'Name; cpu; memory; Window',
  PodMetrics: 'Name; cpu; memory; Window',
  ClusterRoleBinding: 'Name; Role; Age; Users:1; Groups:1; ServiceAccounts:1',
  ClusterRole: 'Name; Created At',
  RoleBinding: 'Name; Role; Age; Users:1; Groups:1; ServiceAccounts:1',
  Role: 'Name; Created At',
}

test('every kind has the columns of Kubernetes', () => {
  const columns = Object.fromEntries(
    allResources
      .filter(({ columns }) => columns.length > 0)
      .map((resource) => [
        resource.kind,
        resource.columns.map(({ name, priority }) => (priority ? `${name}:${priority}` : name)).join('; '),
      ]),
  )
  assert.deepEqual(columns, COLUMNS)
})

/** A body that the schema accepts, with some of the fields of the kind, decoded as a client's would be. */
function anyObject(resource: ResourceDefinition, seed: number): KubeObject {
  const random = seeded(seed)
  const { metadata: _, apiVersion: _version, kind: _kind, ...rest } = anyValue(resource.schema, random) as JsonObject
  const metadata = { name: 'x', ...(resource.scope === 'Namespaced' && { namespace: 'default' }) }
  return mutableCopy(decodeObject(resource, { metadata, ...rest }, ignoringUnknown))
}
