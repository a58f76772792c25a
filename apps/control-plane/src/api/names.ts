import type { ResourceDefinition } from './resource.ts'

export type NameRule = 'subdomain' | 'label' | 'label1035' | 'path'

/** Kinds whose names end up in DNS labels or nowhere but in paths; all others are subdomains. */
const RULES: Readonly<Record<string, NameRule>> = {
  '/Namespace': 'label',
  '/Service': 'label1035',
  'apiregistration.k8s.io/APIService': 'path',
  'certificates.k8s.io/CertificateSigningRequest': 'path',
  'networking.k8s.io/IPAddress': 'path',
}
const PATH_GROUPS: ReadonlySet<string> = new Set(['rbac.authorization.k8s.io'])

export const nameRuleOf = ({ group, kind }: ResourceDefinition): NameRule =>
  PATH_GROUPS.has(group) ? 'path' : (RULES[`${group}/${kind}`] ?? 'subdomain')

/** Source: apimachinery pkg/util/validation: IsDNS1123Subdomain, IsDNS1123Label, IsDNS1035Label; pkg/api/validation/path. */
export function nameProblems(rule: NameRule, name: string): string[] {
  if (rule === 'path') {
    if (name === '.' || name === '..') return [`may not be '${name}'`]
    return ['/', '%'].filter((character) => name.includes(character)).map((character) => `may not contain '${character}'`)
  }
  const { lengthMax, pattern, message } = DNS[rule]
  if (name.length > lengthMax) return [`must be no more than ${lengthMax} characters`]
  return pattern.test(name) ? [] : [message]
}

const DNS = {
  subdomain: {
    lengthMax: 253,
    pattern: /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/,
    message:
      "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
  },
  label: {
    lengthMax: 63,
    pattern: /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/,
    message:
      "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
  },
  label1035: {
    lengthMax: 63,
    pattern: /^[a-z]([-a-z0-9]*[a-z0-9])?$/,
    message:
      "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')",
  },
} as const

const SUFFIX_LETTERS = 'bcdfghjklmnpqrstvwxz2456789'
const SUFFIX_LENGTH = 5
const GENERATED_LENGTH_MAX = 63

/** Source: apiserver pkg/storage/names SimpleNameGenerator: no vowels, so no bad words. */
export function generatedName(base: string, random: () => number): string {
  const suffix = Array.from({ length: SUFFIX_LENGTH }, () => SUFFIX_LETTERS[Math.floor(random() * SUFFIX_LETTERS.length)])
  return base.slice(0, GENERATED_LENGTH_MAX - SUFFIX_LENGTH) + suffix.join('')
}
