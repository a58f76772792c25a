import { duplicate, forbiddenField, invalidValue, required } from '@bramble/api/field-error'
import type { FieldError } from '@bramble/api/field-error'
import { quantityValue } from '@bramble/api/quantity'
import { quantityText } from '@bramble/api/quantity-text'
import type { LimitRange, LimitRangeItem } from '@bramble/api/types/quota'
import type { ResourceDefinition } from '../api/resource.ts'
import { createdAtColumn, nameColumn } from './columns.ts'
import { canOvercommit, containerResourceName, isMore, resourceName } from './resource-names.ts'
import { check, qualifiedName } from './rules.ts'

export const limitRanges: ResourceDefinition<LimitRange> = {
  group: '',
  version: 'v1',
  kind: 'LimitRange',
  plural: 'limitranges',
  shortNames: ['limits'],
  scope: 'Namespaced',
  durability: 'durable',
  allowsCreateOnUpdate: true,
  schema: { type: 'ref', ref: 'io.k8s.api.core.v1.LimitRange' },
  columns: [nameColumn, createdAtColumn],
  applyDefaults: ({ spec }) => {
    for (const item of spec.limits ?? []) if (item.type === 'Container') applyContainerDefaults(item)
  },
  validate: ({ spec: { limits = [] } }) => limits.flatMap((item, index) => validateItem(item, index, limits)),
  warnings: (_, previous) =>
    previous
      ? []
      : ['nothing in this cluster applies a LimitRange yet: it is stored, and containers get neither defaults nor bounds from it'],
}

/** Source: Kubernetes pkg/apis/core/v1 SetDefaults_LimitRangeItem: max → default → request, and min → request. */
function applyContainerDefaults(item: LimitRangeItem): void {
  const limits = { ...item.max, ...item.default }
  const requests = { ...item.min, ...limits, ...item.defaultRequest }
  if (Object.keys(limits).length > 0) item.default = limits
  if (Object.keys(requests).length > 0) item.defaultRequest = requests
}

const LISTS = ['max', 'min', 'default', 'defaultRequest', 'maxLimitRequestRatio'] as const

/** Source: Kubernetes pkg/apis/core/validation ValidateLimitRange. */
function validateItem(item: LimitRangeItem, index: number, all: readonly LimitRangeItem[]): readonly FieldError[] {
  const path = `spec.limits[${index}]`
  const { type = '' } = item
  const isPod = type === 'Pod'
  const nameRule = isPod || type === 'Container' ? containerResourceName : resourceName
  const named = LISTS.filter((list) => !isPod || (list !== 'default' && list !== 'defaultRequest'))
  return [
    ...validateType(type, `${path}.type`),
    ...(all.findIndex((other) => other.type === item.type) < index ? [duplicate(`${path}.type`, type)] : []),
    ...(['default', 'defaultRequest'] as const)
      .filter((list) => isPod && Object.keys(item[list] ?? {}).length > 0)
      .map((list) => forbiddenField(`${path}.${list}`, "may not be specified when `type` is 'Pod'")),
    ...named.flatMap((list) => Object.keys(item[list] ?? {}).flatMap((name) => nameRule(name, `${path}.${list}[${name}]`))),
    ...(type === 'PersistentVolumeClaim' && item.min?.['storage'] === undefined && item.max?.['storage'] === undefined
      ? [required(`${path}.limits`, 'either minimum or maximum storage value is required, but neither was provided')]
      : []),
    ...[...new Set(LISTS.flatMap((list) => Object.keys(item[list] ?? {})))].flatMap((name) => validateOrder(item, name, path)),
  ]
}

function validateType(type: string, path: string): readonly FieldError[] {
  const errors = check(path, type, qualifiedName)
  if (errors.length > 0 || type.includes('/') || ['Pod', 'Container', 'PersistentVolumeClaim'].includes(type)) return errors
  return [invalidValue(path, type, 'must be a standard limit type or fully qualified')]
}

/** Which amount may not be greater than which; the field to blame, whose amount is shown, and how the two are called. */
const ORDER = [
  ['min', 'max', 'min', 'min', 'min value', 'max value'],
  ['min', 'defaultRequest', 'defaultRequest', 'defaultRequest', 'min value', 'default request value'],
  ['defaultRequest', 'max', 'defaultRequest', 'defaultRequest', 'default request value', 'max value'],
  ['defaultRequest', 'default', 'defaultRequest', 'defaultRequest', 'default request value', 'default limit value'],
  ['min', 'default', 'default', 'min', 'min value', 'default value'],
  ['default', 'max', 'default', 'max', 'default value', 'max value'],
] as const

function validateOrder(item: LimitRangeItem, name: string, path: string): readonly FieldError[] {
  const errors: FieldError[] = []
  for (const [low, high, blamed, shown, lowName, highName] of ORDER) {
    const [less, more] = [item[low]?.[name], item[high]?.[name]]
    if (less === undefined || more === undefined || !isMore(less, more)) continue
    errors.push(
      invalidValue(
        `${path}.${blamed}[${name}]`,
        quantityText(item[shown]?.[name]),
        `${lowName} ${quantityText(less)} is greater than ${highName} ${quantityText(more)}`,
      ),
    )
  }
  return [...errors, ...validateRatio(item, name, `${path}.maxLimitRequestRatio[${name}]`), ...validateFixed(item, name, path)]
}

function validateRatio({ maxLimitRequestRatio, min, max }: LimitRangeItem, name: string, path: string): readonly FieldError[] {
  const ratio = maxLimitRequestRatio?.[name]
  if (ratio === undefined) return []
  const errors: FieldError[] = []
  const value = quantityValue(ratio) ?? NaN
  if (value < 1) errors.push(invalidValue(path, quantityText(ratio), `ratio ${quantityText(ratio)} is less than 1`))
  const [least, most] = [quantityValue(min?.[name] ?? '') ?? NaN, quantityValue(max?.[name] ?? '') ?? NaN]
  if (value > most / least)
    errors.push(
      invalidValue(path, quantityText(ratio), `ratio ${quantityText(ratio)} is greater than max/min = ${(most / least).toFixed(6)}`),
    )
  return errors
}

/** Of what cannot be given twice, a request is as much as the limit. */
function validateFixed(item: LimitRangeItem, name: string, path: string): readonly FieldError[] {
  const [limit, request] = [item.default?.[name], item.defaultRequest?.[name]]
  if (canOvercommit(name) || limit === undefined || request === undefined || quantityValue(limit) === quantityValue(request)) return []
  return [
    invalidValue(
      `${path}.defaultRequest[${name}]`,
      quantityText(request),
      `default value ${quantityText(limit)} must equal to defaultRequest value ${quantityText(request)} in ${name}`,
    ),
  ]
}
