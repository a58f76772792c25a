import { duplicate, invalidValue, notSupported, required, tooMany } from '@bramble/api/field-error'
import type { FieldError } from '@bramble/api/field-error'
import type {
  DeviceRequest,
  DeviceRequestDetails,
  DeviceSelector,
  OpaqueConfiguration,
  ResourceClaimSpec,
} from '@bramble/api/types/devices'
import { driverName } from '../name-rules.ts'
import { check, dnsLabel, dnsSubdomain, qualifiedName } from '../rules.ts'

// Names, references, words and counts; attributes and the expressions of selectors are kept as they come.
// Source: Kubernetes pkg/apis/resource/validation, pkg/apis/resource/v1 defaults.go.

export const NOT_ALLOCATED = 'Bramble does not allocate devices: nothing acts on this object'

const LIST_MAX = 32
const ALTERNATIVES_MAX = 8

export function applyClaimDefaults({ devices }: ResourceClaimSpec): void {
  for (const { exactly, firstAvailable = [] } of devices?.requests ?? [])
    for (const details of exactly ? [exactly, ...firstAvailable] : firstAvailable) {
      details.allocationMode ||= 'ExactCount'
      if (details.allocationMode === 'ExactCount') details.count ||= 1
    }
}

export function validateClaimSpec({ devices = {} }: ResourceClaimSpec, path: string): readonly FieldError[] {
  const { requests = [], constraints = [], config = [] } = devices
  const names = new Set(requests.flatMap(namesOf))
  const references = (wanted: readonly string[] = [], at: string): readonly FieldError[] =>
    wanted.flatMap((name, index) =>
      names.has(name)
        ? []
        : [
            invalidValue(
              `${at}[${index}]`,
              name,
              "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'",
            ),
          ],
    )
  return [
    ...atMost(requests, LIST_MAX, `${path}.devices.requests`),
    ...requests.flatMap((request, index) => validateRequest(request, requests, index, `${path}.devices.requests[${index}]`)),
    ...atMost(constraints, LIST_MAX, `${path}.devices.constraints`),
    ...constraints.flatMap(({ requests: wanted, matchAttribute, distinctAttribute }, index) => {
      const at = `${path}.devices.constraints[${index}]`
      return [
        ...references(wanted, `${at}.requests`),
        ...(matchAttribute === undefined && distinctAttribute === undefined
          ? [required(at, 'exactly one of `matchAttribute`, `distinctAttribute` is required')]
          : []),
        ...(matchAttribute === undefined ? [] : check(`${at}.matchAttribute`, matchAttribute, qualifiedName)),
      ]
    }),
    ...atMost(config, LIST_MAX, `${path}.devices.config`),
    ...config.flatMap(({ requests: wanted, opaque }, index) => [
      ...references(wanted, `${path}.devices.config[${index}].requests`),
      ...validateOpaque(opaque, `${path}.devices.config[${index}].opaque`),
    ]),
  ]
}

const namesOf = ({ name = '', firstAvailable = [] }: DeviceRequest): readonly string[] => [
  name,
  ...firstAvailable.map((alternative) => `${name}/${alternative.name ?? ''}`),
]

function validateRequest(request: DeviceRequest, all: readonly DeviceRequest[], index: number, path: string): readonly FieldError[] {
  const { name, exactly, firstAvailable = [] } = request
  const isBoth = exactly !== undefined && firstAvailable.length > 0
  const isNeither = exactly === undefined && firstAvailable.length === 0
  return [
    ...validateName(name, `${path}.name`),
    ...(name && all.findIndex((other) => other.name === name) < index ? [duplicate(path, name)] : []),
    ...(isNeither ? [required(path, 'exactly one of `exactly` or `firstAvailable` is required')] : []),
    ...(isBoth
      ? [invalidValue(path, undefined, 'exactly one of `exactly` or `firstAvailable` is required, but multiple fields are set')]
      : []),
    ...(exactly ? validateDetails(exactly, `${path}.exactly`) : []),
    ...atMost(firstAvailable, ALTERNATIVES_MAX, `${path}.firstAvailable`),
    ...firstAvailable.flatMap((alternative, at) => [
      ...validateName(alternative.name, `${path}.firstAvailable[${at}].name`),
      ...validateDetails(alternative, `${path}.firstAvailable[${at}]`),
    ]),
  ]
}

export const validateName = (name: string | undefined, path: string): readonly FieldError[] =>
  name ? check(path, name, dnsLabel) : [required(path)]

const MODES = ['All', 'ExactCount']

function validateDetails({ deviceClassName, selectors, allocationMode, count = 0 }: DeviceRequestDetails, path: string) {
  return [
    ...(deviceClassName ? check(`${path}.deviceClassName`, deviceClassName, dnsSubdomain) : [required(`${path}.deviceClassName`)]),
    ...validateSelectors(selectors, `${path}.selectors`),
    ...(MODES.includes(allocationMode ?? '') ? [] : [notSupported(`${path}.allocationMode`, allocationMode, MODES)]),
    ...(allocationMode === 'All' && count !== 0
      ? [invalidValue(`${path}.count`, count, "must not be specified when allocationMode is 'All'")]
      : []),
    ...(allocationMode === 'ExactCount' && count <= 0 ? [invalidValue(`${path}.count`, count, 'must be greater than zero')] : []),
  ]
}

export const validateSelectors = (selectors: readonly DeviceSelector[] = [], path: string): readonly FieldError[] => [
  ...atMost(selectors, LIST_MAX, path),
  ...selectors.flatMap(({ cel }, index) =>
    cel ? (cel.expression ? [] : [required(`${path}[${index}].cel.expression`)]) : [required(`${path}[${index}].cel`)],
  ),
]

export function validateOpaque(opaque: OpaqueConfiguration | undefined, path: string): readonly FieldError[] {
  if (!opaque) return [required(path, 'exactly one of the configuration fields is required')]
  const { driver, parameters } = opaque
  const isObject = typeof parameters === 'object' && parameters !== null && !Array.isArray(parameters)
  return [
    ...driverName(`${path}.driver`, driver),
    ...(parameters === undefined ? [required(`${path}.parameters`)] : []),
    ...(parameters === undefined || isObject ? [] : [invalidValue(`${path}.parameters`, '<value omitted>', 'must be a valid JSON object')]),
  ]
}

export const atMost = (list: readonly unknown[], countMax: number, path: string): readonly FieldError[] =>
  list.length > countMax ? [tooMany(path, list.length, countMax)] : []
