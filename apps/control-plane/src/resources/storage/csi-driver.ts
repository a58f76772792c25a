import { duplicate, invalidValue, notSupported } from '@bramble/api/field-error'
import type { FieldError } from '@bramble/api/field-error'
import type { CsiDriver, CsiDriverSpec } from '@bramble/api/types/storage'
import type { ResourceDefinition } from '../../api/resource.ts'
import { ageColumn, nameColumn } from '../columns.ts'
import { immutable } from '../workload.ts'

export const csiDrivers: ResourceDefinition<CsiDriver> = {
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'CSIDriver',
  plural: 'csidrivers',
  scope: 'Cluster',
  durability: 'durable',
  schema: { type: 'ref', ref: 'io.k8s.api.storage.v1.CSIDriver' },
  columns: [
    nameColumn,
    { name: 'AttachRequired', type: 'boolean', value: ({ spec }) => spec.attachRequired ?? true },
    { name: 'PodInfoOnMount', type: 'boolean', value: ({ spec }) => spec.podInfoOnMount ?? false },
    { name: 'StorageCapacity', type: 'boolean', value: ({ spec }) => spec.storageCapacity ?? false },
    {
      name: 'TokenRequests',
      type: 'string',
      value: ({ spec }) => spec.tokenRequests?.map(({ audience = '' }) => audience).join(',') ?? '<unset>',
    },
    { name: 'RequiresRepublish', type: 'boolean', value: ({ spec }) => spec.requiresRepublish ?? false },
    { name: 'Modes', type: 'string', value: ({ spec }) => (spec.volumeLifecycleModes ?? []).join(',') || '<none>' },
    ageColumn,
  ],
  applyDefaults: ({ spec }) => {
    spec.attachRequired ??= true
    spec.podInfoOnMount ??= false
    spec.storageCapacity ??= false
    spec.fsGroupPolicy ??= 'ReadWriteOnceWithFSType'
    if (!spec.volumeLifecycleModes?.length) spec.volumeLifecycleModes = ['Persistent']
    spec.requiresRepublish ??= false
    spec.seLinuxMount ??= false
  },
  validate: ({ spec }, previous) => [
    ...validateSpec(spec),
    ...immutable('spec.attachedRequired', spec.attachRequired, previous, previous?.spec.attachRequired),
    ...immutable('spec.volumeLifecycleModes', spec.volumeLifecycleModes, previous, previous?.spec.volumeLifecycleModes),
  ],
  warnings: ({ spec }, previous) =>
    previous || spec.attachRequired === false || !(spec.volumeLifecycleModes ?? ['Persistent']).includes('Persistent')
      ? []
      : ['Bramble attaches no volumes: PersistentVolumes of this driver cannot be mounted unless spec.attachRequired is false'],
}

// Source: Kubernetes pkg/apis/storage/validation validateCSIDriverSpec.

const GROUP_POLICIES = ['File', 'None', 'ReadWriteOnceWithFSType']
const MODES = ['Ephemeral', 'Persistent']
const UPDATE_SECONDS_MIN = 10

function validateSpec({ fsGroupPolicy, tokenRequests = [], volumeLifecycleModes = [], ...spec }: CsiDriverSpec): readonly FieldError[] {
  const { nodeAllocatableUpdatePeriodSeconds: seconds = UPDATE_SECONDS_MIN } = spec
  return [
    ...(fsGroupPolicy === undefined || GROUP_POLICIES.includes(fsGroupPolicy)
      ? []
      : [notSupported('spec.fsGroupPolicy', fsGroupPolicy, GROUP_POLICIES)]),
    ...tokenRequests.flatMap((request, index) => validateToken(request, tokenRequests, index)),
    ...volumeLifecycleModes.flatMap((mode) => (MODES.includes(mode) ? [] : [notSupported('spec.volumeLifecycleModes', mode, MODES)])),
    ...(seconds < UPDATE_SECONDS_MIN
      ? [invalidValue('spec.nodeAllocatableUpdatePeriodSeconds', seconds, 'must be greater than or equal to 10 seconds')]
      : []),
  ]
}

type TokenRequests = NonNullable<CsiDriverSpec['tokenRequests']>

const TOKEN_SECONDS_MIN = 600
const TOKEN_SECONDS_MAX = 2 ** 32

function validateToken({ audience = '', expirationSeconds }: TokenRequests[number], all: TokenRequests, index: number) {
  const path = `spec.tokenRequests[${index}]`
  if (all.findIndex((other) => (other.audience ?? '') === audience) < index) return [duplicate(`${path}.audience`, audience)]
  const wrong = (fault: string): readonly FieldError[] => [invalidValue(`${path}.expirationSeconds`, expirationSeconds, fault)]
  if (expirationSeconds === undefined) return []
  if (expirationSeconds < TOKEN_SECONDS_MIN) return wrong('may not specify a duration less than 10 minutes')
  return expirationSeconds > TOKEN_SECONDS_MAX ? wrong('may not specify a duration larger than 2^32 seconds') : []
}
