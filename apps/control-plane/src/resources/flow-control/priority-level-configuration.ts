import { forbiddenField, invalidValue, notSupported, required } from '@bramble/api/field-error'
import type { FieldError } from '@bramble/api/field-error'
import type { LimitedPriorityLevel, PriorityLevelConfiguration } from '@bramble/api/types/flow-control'
import type { ResourceDefinition } from '../../api/resource.ts'
import { ageColumn, nameColumn } from '../columns.ts'
import { isSame } from '../differences.ts'
import { MANDATORY_PRIORITY_LEVELS, NOT_QUEUED } from './mandatory.ts'

type Spec = PriorityLevelConfiguration['spec']
type Queuing = NonNullable<NonNullable<LimitedPriorityLevel['limitResponse']>['queuing']>

export const priorityLevelConfigurations: ResourceDefinition<PriorityLevelConfiguration> = {
  group: 'flowcontrol.apiserver.k8s.io',
  version: 'v1',
  kind: 'PriorityLevelConfiguration',
  plural: 'prioritylevelconfigurations',
  scope: 'Cluster',
  durability: 'durable',
  schema: { type: 'ref', ref: 'io.k8s.api.flowcontrol.v1.PriorityLevelConfiguration' },
  columns: [
    nameColumn,
    { name: 'Type', type: 'string', value: ({ spec }) => spec.type ?? '' },
    { name: 'NominalConcurrencyShares', type: 'string', value: ({ spec }) => spec.limited?.nominalConcurrencyShares ?? '<none>' },
    { name: 'Queues', type: 'string', value: ({ spec }) => queuingOf(spec)?.queues ?? '<none>' },
    { name: 'HandSize', type: 'string', value: ({ spec }) => queuingOf(spec)?.handSize ?? '<none>' },
    { name: 'QueueLengthLimit', type: 'string', value: ({ spec }) => queuingOf(spec)?.queueLengthLimit ?? '<none>' },
    ageColumn,
  ],
  subresources: { status: true },
  applyDefaults: (draft) => {
    applyDefaults(draft.spec)
  },
  validate: ({ metadata: { name = '' }, spec }) => [...validateSpec(spec, name), ...validateFixed(spec, name)],
  warnings: ({ metadata }, previous) => (previous || Object.hasOwn(MANDATORY_PRIORITY_LEVELS, metadata.name) ? [] : [NOT_QUEUED]),
}

const queuingOf = ({ limited }: Spec): Queuing | undefined => limited?.limitResponse?.queuing

const SHARES = 30
const QUEUES = 64
const HAND_SIZE = 8
const QUEUE_LENGTH = 50

/** Source: Kubernetes pkg/apis/flowcontrol/v1 defaults.go. */
function applyDefaults(spec: Spec): void {
  if (spec.type === 'Exempt') spec.exempt ??= {}
  if (spec.exempt) {
    spec.exempt.nominalConcurrencyShares ??= 0
    spec.exempt.lendablePercent ??= 0
  }
  if (spec.limited) {
    spec.limited.nominalConcurrencyShares ??= SHARES
    spec.limited.lendablePercent ??= 0
  }
  const queuing = queuingOf(spec)
  if (!queuing) return
  queuing.handSize ||= HAND_SIZE
  queuing.queues ||= QUEUES
  queuing.queueLengthLimit ||= QUEUE_LENGTH
}

// Source: Kubernetes pkg/apis/flowcontrol/validation ValidatePriorityLevelConfigurationSpec.

function validateSpec({ type = '', limited, exempt }: Spec, name: string): readonly FieldError[] {
  return [
    ...((name === 'exempt') === (type === 'Exempt')
      ? []
      : [invalidValue('spec.type', type, "type must be 'Exempt' if and only if name is 'exempt'")]),
    ...(type === 'Exempt' && limited ? [forbiddenField('spec.limited', 'must be nil if the type is not Limited')] : []),
    ...(type === 'Exempt' && exempt ? validateShares(exempt, 'spec.exempt') : []),
    ...(type === 'Limited' && exempt ? [forbiddenField('spec.exempt', 'must be nil if the type is Limited')] : []),
    ...(type === 'Limited'
      ? limited
        ? validateLimited(limited)
        : [required('spec.limited', 'must not be empty when type is Limited')]
      : []),
    ...(type === 'Exempt' || type === 'Limited' ? [] : [notSupported('spec.type', type, ['Exempt', 'Limited'])]),
  ]
}

/** Of the exempt level only the shares may be changed. */
function validateFixed(spec: Spec, name: string): readonly FieldError[] {
  const fixed = Object.hasOwn(MANDATORY_PRIORITY_LEVELS, name) ? MANDATORY_PRIORITY_LEVELS[name]! : undefined
  if (!fixed) return []
  if (name !== 'exempt') return isSame(spec, fixed) ? [] : [invalidValue('spec', spec, `spec of '${name}' must equal the fixed value`)]
  return isSame({ ...spec, exempt: undefined }, { ...fixed, exempt: undefined })
    ? []
    : [invalidValue('spec', spec, `spec of '${name}' except the 'spec.exempt' field must equal the fixed value`)]
}

function validateShares(level: Pick<LimitedPriorityLevel, 'nominalConcurrencyShares' | 'lendablePercent'>, path: string) {
  const { nominalConcurrencyShares: shares = 0, lendablePercent: percent = 0 } = level
  return [
    ...(shares < 0 ? [invalidValue(`${path}.nominalConcurrencyShares`, shares, 'must be a non-negative integer')] : []),
    ...(percent < 0 || percent > 100 ? [invalidValue(`${path}.lendablePercent`, percent, 'must be between 0 and 100, inclusive')] : []),
  ]
}

function validateLimited(limited: LimitedPriorityLevel): readonly FieldError[] {
  const { borrowingLimitPercent: borrowing = 0, limitResponse: { type = '', queuing } = {} } = limited
  const path = 'spec.limited'
  return [
    ...validateShares(limited, path),
    ...(type === 'Reject' && queuing
      ? [forbiddenField(`${path}.limitResponse.queuing`, 'must be nil if limited.limitResponse.type is not Limited')]
      : []),
    ...(type === 'Queue'
      ? queuing
        ? validateQueuing(queuing, `${path}.limitResponse.queuing`)
        : [required(`${path}.limitResponse.queuing`, 'must not be empty if limited.limitResponse.type is Limited')]
      : []),
    ...(type === 'Queue' || type === 'Reject' ? [] : [notSupported(`${path}.limitResponse.type`, type, ['Queue', 'Reject'])]),
    ...(borrowing < 0 ? [invalidValue(`${path}.borrowingLimitPercent`, borrowing, 'if specified, must be a non-negative integer')] : []),
  ]
}

const QUEUES_MAX = 10_000_000
const HASH_BITS_MAX = 60

function validateQueuing({ queues = 0, handSize = 0, queueLengthLimit = 0 }: Queuing, path: string): readonly FieldError[] {
  const errors: FieldError[] = []
  if (queueLengthLimit <= 0) errors.push(invalidValue(`${path}.queueLengthLimit`, queueLengthLimit, 'must be positive'))
  if (queues <= 0) errors.push(invalidValue(`${path}.queues`, queues, 'must be positive'))
  else if (queues > QUEUES_MAX) errors.push(invalidValue(`${path}.queues`, queues, `must not be greater than ${QUEUES_MAX}`))
  const handFault = (fault: string): void => void errors.push(invalidValue(`${path}.handSize`, handSize, fault))
  if (handSize <= 0) handFault('must be positive')
  else if (handSize > queues) handFault(`should not be greater than queues (${queues})`)
  else if (Math.ceil(Math.log2(queues) * handSize) > HASH_BITS_MAX)
    handFault(`required entropy bits of deckSize ${queues} and handSize ${handSize} should not be greater than ${HASH_BITS_MAX}`)
  return errors
}
