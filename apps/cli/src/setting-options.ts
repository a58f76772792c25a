import { readFileSync } from 'node:fs'
import { type Command, Option } from 'commander'
import type { Setting } from '@bramble/reconcile/settings'
import { parse } from 'yaml'
import { AGENT_SETTINGS } from '../../node-agent/src/config.ts'
import { SERVER_SETTINGS } from '../../control-plane/src/config.ts'
import { UsageError } from './fail.ts'

/** A flag per setting, and `--config FILE` for the same names in YAML. */
export function addSettings(command: Command, settings: readonly Setting[]): Command {
  for (const setting of settings) {
    const takes = setting.kind === 'flag' ? '' : ` <${setting.value ?? setting.name.toUpperCase()}>`
    const shown = Array.isArray(setting.default) || setting.default === undefined ? '' : ` (default: ${String(setting.default)})`
    const option = new Option(`--${setting.name}${takes}`, setting.description + shown)
    if (setting.kind === 'list') option.argParser((value: string, before: string[] | undefined) => [...(before ?? []), value])
    command.addOption(option)
  }
  return command.option('--config <FILE>', 'YAML file with the same names; flags win')
}

/**
 * What was given by flags and config file, unchecked: the program's own `parse…Config` checks it.
 * @throws UsageError when the file cannot be read, is no YAML mapping, or has a name that no program knows.
 */
export function givenSettings(command: Command, settings: readonly Setting[]): Record<string, unknown> {
  const options = command.opts<Record<string, unknown>>()
  const given = typeof options['config'] === 'string' ? readConfigFile(options['config']) : {}
  const known = new Set(settings.map(({ name }) => name))
  const values = Object.fromEntries(Object.entries(given).filter(([name]) => known.has(name)))
  for (const { name } of settings) {
    const value = options[name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())]
    if (value !== undefined) values[name] = value
  }
  return values
}

function readConfigFile(path: string): Record<string, unknown> {
  let parsed: unknown
  try {
    parsed = parse(readFileSync(path, 'utf8'))
  } catch (error) {
    throw new UsageError(`--config ${path}: ${(error as Error).message}`)
  }
  if (parsed === null || parsed === undefined) return {}
  if (typeof parsed !== 'object' || Array.isArray(parsed))
    throw new UsageError(`--config ${path}: must be a YAML mapping such as "node-name: pi-1"`)
  const known = new Set([...SERVER_SETTINGS, ...AGENT_SETTINGS].map(({ name }) => name))
  const unknown = Object.keys(parsed).filter((name) => !known.has(name))
  if (unknown.length > 0)
    throw new UsageError(
      `--config ${path}: unknown setting ${unknown.map((name) => `"${name}"`).join(', ')}; known: ${[...known].sort().join(', ')}`,
    )
  return parsed as Record<string, unknown>
}
