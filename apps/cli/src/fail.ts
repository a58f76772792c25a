import { SettingsError } from '@bramble/reconcile/settings'

export const EXIT_USAGE = 2

/** What was asked for cannot be done as asked; the message says what to change. Exit code 2. */
export class UsageError extends Error {
  override name = 'UsageError'
}

/** One line per problem on stderr, exit code 2 for usage and 1 for everything else. */
export function fail(error: Error): never {
  const isSettings = error instanceof SettingsError
  for (const line of error.message.split('\n')) process.stderr.write(`bramble: ${isSettings ? '--' : ''}${line}\n`)
  process.exit(isSettings || error instanceof UsageError ? EXIT_USAGE : 1)
}
