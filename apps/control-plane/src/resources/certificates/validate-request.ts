import { duplicate, forbiddenField, invalidValue, notSupported, required, tooLong } from '@bramble/api/field-error'
import type { FieldError } from '@bramble/api/field-error'
import type { CertificateCondition, CertificateSigningRequest } from '@bramble/api/types/certificates'
import { isSame } from '../differences.ts'
import { dnsLabel, dnsSubdomain } from '../rules.ts'
import { parseCertificateRequest } from './certificate-request.ts'
import { certificateFault } from './issued-certificate.ts'

// Source: Kubernetes pkg/apis/certificates/validation.

/** Conditions that are never taken back, nor untrue. */
const FINAL = ['Approved', 'Denied', 'Failed']
const DECISIONS = ['Approved', 'Denied']

export const validateNewRequest = ({ spec, status = {} }: CertificateSigningRequest): readonly FieldError[] => [
  ...validateSpec(spec),
  ...validateConditions(status.conditions ?? []),
]

/** An update of the status, or of metadata: the spec is what it was. */
export const validateStatusUpdate = (request: CertificateSigningRequest, previous: CertificateSigningRequest): readonly FieldError[] => [
  ...validateConditions(request.status?.conditions ?? []),
  ...validateCertificate(request, previous),
  ...validateKept(request, previous),
  ...DECISIONS.flatMap((type) => validateUndecided(type, request, previous)),
  ...(previous.status?.certificate && request.status?.certificate !== previous.status.certificate
    ? [forbiddenField('status.certificate', 'updates may not modify existing certificate content')]
    : []),
]

/** An approval may add decisions, and change them, and takes none back. */
export const validateApproval = (request: CertificateSigningRequest, previous: CertificateSigningRequest): readonly FieldError[] => [
  ...validateConditions(request.status?.conditions ?? []),
  ...validateKept(request, previous),
]

const USAGES =
  'signing;digital signature;content commitment;key encipherment;key agreement;data encipherment;cert sign;crl sign;encipher only;decipher only;any;server auth;client auth;code signing;email protection;s/mime;ipsec end system;ipsec tunnel;ipsec user;timestamping;ocsp signing;microsoft sgc;netscape sgc'.split(
    ';',
  )
const EXPIRATION_SECONDS_MIN = 600
const LEGACY_SIGNER = 'kubernetes.io/legacy-unknown'

function validateSpec({ request = '', usages = [], signerName, expirationSeconds }: CertificateSigningRequest['spec']) {
  const fault = requestFault(request)
  return [
    ...(fault === undefined ? [] : [invalidValue('spec.request', request, fault)]),
    ...(usages.length === 0 ? [required('spec.usages')] : []),
    ...usages.flatMap((usage, index) => (USAGES.includes(usage) ? [] : [notSupported(`spec.usages[${index}]`, usage, USAGES)])),
    ...usages.flatMap((usage, index) => (usages.indexOf(usage) < index ? [duplicate(`spec.usages[${index}]`, usage)] : [])),
    ...(signerName === LEGACY_SIGNER
      ? [invalidValue('spec.signerName', signerName, 'the legacy signerName is not allowed via this API version')]
      : validateSignerName(signerName, 'spec.signerName')),
    ...(expirationSeconds !== undefined && expirationSeconds < EXPIRATION_SECONDS_MIN
      ? [invalidValue('spec.expirationSeconds', expirationSeconds, 'may not specify a duration less than 600 seconds (10 minutes)')]
      : []),
  ]
}

function requestFault(request: string): string | undefined {
  try {
    parseCertificateRequest(request)
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

const DOMAIN_CHARACTERS_MAX = 253
const SIGNER_CHARACTERS_MAX = 571

/** `example.com/signer-name`. Source: Kubernetes pkg/apis/core/validation ValidateSignerName. */
export function validateSignerName(signerName: string | undefined, path: string): readonly FieldError[] {
  if (!signerName) return [required(path)]
  const segments = signerName.split('/')
  if (segments.length !== 2)
    return [invalidValue(path, signerName, "must be a fully qualified domain and path of the form 'example.com/signer-name'")]
  const [domain, rest] = segments as [string, string]
  const labels = domain.split('.')
  return [
    ...(domain.length > DOMAIN_CHARACTERS_MAX ? [tooLong(path, DOMAIN_CHARACTERS_MAX)] : []),
    ...firstFault(path, domain, labels, dnsLabel),
    ...(labels.length < 2 ? [invalidValue(path, domain, 'should be a domain with at least two segments separated by dots')] : []),
    ...firstFault(path, rest, rest.split('.'), dnsSubdomain),
    ...(signerName.length > SIGNER_CHARACTERS_MAX ? [tooLong(path, SIGNER_CHARACTERS_MAX)] : []),
  ]
}

function firstFault(path: string, value: string, labels: readonly string[], rule: typeof dnsLabel): readonly FieldError[] {
  const wrong = labels.find((label) => rule(label).length > 0)
  if (wrong === undefined) return []
  return rule(wrong).map((fault) => invalidValue(path, value, `validating label ${JSON.stringify(wrong)}: ${fault}`))
}

function validateConditions(conditions: readonly CertificateCondition[]): readonly FieldError[] {
  return conditions.flatMap(({ type, status }, index) => {
    const path = `status.conditions[${index}]`
    const known = FINAL.includes(type) ? ['True'] : ['False', 'True', 'Unknown']
    const before = conditions.slice(0, index).map((condition) => condition.type)
    const other = type === 'Approved' ? 'Denied' : type === 'Denied' ? 'Approved' : undefined
    return [
      ...(type ? [] : [required(`${path}.type`)]),
      ...(status ? (known.includes(status) ? [] : [notSupported(`${path}.status`, status, known)]) : [required(`${path}.status`)]),
      ...(other !== undefined && before.includes(other)
        ? [invalidValue(`${path}.type`, type, 'Approved and Denied conditions are mutually exclusive')]
        : []),
      ...(before.includes(type) ? [duplicate(`${path}.type`, type)] : []),
    ]
  })
}

function validateCertificate({ status }: CertificateSigningRequest, { status: before }: CertificateSigningRequest): readonly FieldError[] {
  if (!status?.certificate || status.certificate === before?.certificate) return []
  const fault = certificateFault(status.certificate)
  return fault === undefined ? [] : [invalidValue('status.certificate', '<certificate data>', fault)]
}

const conditionsOf = ({ status }: CertificateSigningRequest, type: string): readonly CertificateCondition[] =>
  (status?.conditions ?? []).filter((condition) => condition.type === type)

const validateKept = (request: CertificateSigningRequest, previous: CertificateSigningRequest): readonly FieldError[] =>
  FINAL.filter((type) => conditionsOf(request, type).length < conditionsOf(previous, type).length).map((type) =>
    forbiddenField('status.conditions', `updates may not remove a condition of type "${type}"`),
  )

/** Who signs does not approve. */
function validateUndecided(type: string, request: CertificateSigningRequest, previous: CertificateSigningRequest) {
  const [now, before] = [conditionsOf(request, type), conditionsOf(previous, type)]
  if (now.length < before.length || isSame(now, before)) return []
  const what = now.length > before.length ? 'add' : 'modify'
  return [forbiddenField('status.conditions', `updates may not ${what} a condition of type "${type}"`)]
}
