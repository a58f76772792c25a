import { type Environment, Optional } from '@marcbachmann/cel-js'
import { nameProblems } from '../../../names.ts'
import { qualifiedNameProblems } from '../../../metadata.ts'
import { isLabelValue, LABEL_VALUE_RULE } from '@bramble/api/labels'
import { hasFormat } from '../../formats.ts'
import { registerAll } from './register.ts'

type Check = (text: string) => readonly string[]

class Format {
  readonly name: string
  readonly check: Check
  constructor(name: string, check: Check) {
    this.name = name
    this.check = check
  }
}

const form =
  (format: string, what: string): Check =>
  (text) =>
    hasFormat(format, text) ? [] : [what]

/** A name's beginning: what a suffix is put behind. */
const prefix =
  (check: Check): Check =>
  (text) =>
    check(text.endsWith('-') ? `${text.slice(0, -1)}a` : text)

const label: Check = (text) => nameProblems('label', text)
const subdomain: Check = (text) => nameProblems('subdomain', text)
const label1035: Check = (text) => nameProblems('label1035', text)

const FORMATS: Readonly<Record<string, Check>> = {
  dns1123Label: label,
  dns1123Subdomain: subdomain,
  dns1035Label: label1035,
  qualifiedName: qualifiedNameProblems,
  dns1123LabelPrefix: prefix(label),
  dns1123SubdomainPrefix: prefix(subdomain),
  dns1035LabelPrefix: prefix(label1035),
  labelValue: (text) => (isLabelValue(text) ? [] : [LABEL_VALUE_RULE]),
  uri: form('uri', 'invalid URI for request'),
  uuid: form('uuid', 'does not match the UUID format'),
  byte: form('byte', 'invalid base64'),
  date: form('date', 'invalid date'),
  datetime: form('date-time', 'invalid datetime'),
}

/**
 * `format.dns1123Label().validate(name)`, `format.named("uuid")`.
 * @see Source: k8s.io/apiserver pkg/cel/library/format.go.
 */
export function registerFormats(environment: Environment): void {
  class FormatLibrary {}
  environment.registerType('Format', { ctor: Format, fields: {} })
  environment.registerType('FormatLibrary', { ctor: FormatLibrary, fields: {} })
  environment.registerConstant('format', 'FormatLibrary', new FormatLibrary())
  environment.registerOperator('Format == Format', (a: Format, b: Format) => a.name === b.name)
  const known = new Map(Object.entries(FORMATS).map(([name, check]) => [name, new Format(name, check)]))
  registerAll(environment, {
    'FormatLibrary.named(string): optional<Format>': (_: unknown, name: string) => optional(known.get(name)),
    'Format.validate(string): optional<list<string>>': ({ check }: Format, text: string) => {
      const problems = check(text)
      return optional(problems.length === 0 ? undefined : [...problems])
    },
    ...Object.fromEntries([...known].map(([name, format]) => [`FormatLibrary.${name}(): Format`, () => format])),
  })
}

const optional = (value: unknown): unknown => (value === undefined ? Optional.none() : Optional.of(value))
