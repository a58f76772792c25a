/** One thing an operator may set: as a flag, in the config file under the same name, with a default and its unit. */
export interface Setting {
  /** kebab-case, as in `--data-dir`. */
  readonly name: string
  readonly description: string
  readonly kind: 'text' | 'integer' | 'seconds' | 'list' | 'flag'
  /** Shown in help where a flag takes a value, e.g. `ADDRESS`. */
  readonly value?: string
  /** Absent: not set, or found out at start (the description says how). */
  readonly default?: string | number | boolean | readonly string[]
  readonly min?: number
  readonly max?: number
  /** Of a text or each item of a list. */
  readonly pattern?: RegExp
  /** What the pattern means, for people: `must be an IPv4 network such as 10.42.0.0/16`. */
  readonly rule?: string
  /** Never shown, never logged. */
  readonly secret?: true
}

export type SettingValue = string | number | boolean | readonly string[]
export type SettingValues = Readonly<Record<string, SettingValue | undefined>>

/** What is wrong with a configuration; one line per setting. */
export class SettingsError extends Error {
  override name = 'SettingsError'
  /** Starting again cannot help. */
  readonly permanent = true
}

const OCTET = '(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)'
/** Of an IPv4 address, e.g. 192.168.1.10. */
export const ADDRESS_PATTERN = new RegExp(`^(${OCTET}\\.){3}${OCTET}$`)
/** Of an IPv4 network, e.g. 10.42.0.0/16. */
export const NETWORK_PATTERN = new RegExp(`^(${OCTET}\\.){3}${OCTET}/(3[0-2]|[12]?\\d)$`)

/**
 * Values for every setting: what was given, checked, else the default.
 *
 * @param given From flags or a parsed config file. Names that no setting has are left to the caller.
 * @throws SettingsError that names every bad value, what is wrong and what is allowed.
 */
export function readSettings(settings: readonly Setting[], given: Readonly<Record<string, unknown>>): SettingValues {
  const values: Record<string, SettingValue | undefined> = {}
  const problems: string[] = []
  for (const setting of settings) {
    const raw = given[setting.name]
    if (raw === undefined || raw === null) {
      values[setting.name] = setting.default
      continue
    }
    const checked = check(setting, raw)
    if (checked instanceof Error) problems.push(`${setting.name}: ${checked.message}`)
    else values[setting.name] = checked
  }
  if (problems.length > 0) throw new SettingsError(problems.join('\n'))
  return values
}

function check(setting: Setting, raw: unknown): SettingValue | Error {
  switch (setting.kind) {
    case 'flag':
      return typeof raw === 'boolean' ? raw : new Error('must be true or false')
    case 'integer':
    case 'seconds':
      return checkNumber(setting, raw)
    case 'list': {
      const items = Array.isArray(raw) ? raw : [raw]
      for (const item of items) {
        const checked = checkText(setting, item)
        if (checked instanceof Error) return checked
      }
      return items as string[]
    }
    case 'text':
      return checkText(setting, raw)
  }
}

function checkNumber({ min = 0, max = Number.MAX_SAFE_INTEGER }: Setting, raw: unknown): number | Error {
  const value = typeof raw === 'string' && /^\d+$/.test(raw) ? Number(raw) : raw
  return typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max
    ? value
    : new Error(`${show(raw)} must be a whole number from ${min} to ${max}`)
}

function checkText({ pattern, rule, secret }: Setting, raw: unknown): string | Error {
  if (typeof raw !== 'string') return new Error(`must be a text, in quotes where YAML would read something else`)
  if (pattern && !pattern.test(raw)) return new Error(`${secret ? 'it' : show(raw)} ${rule ?? 'is not allowed'}`)
  return raw
}

const show = (value: unknown): string => JSON.stringify(value)?.slice(0, 200) ?? String(value)
