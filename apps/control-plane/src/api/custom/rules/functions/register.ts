import type { Environment } from '@marcbachmann/cel-js'

type Handler = (...args: never[]) => unknown

/** Declares functions by their signatures, as the library writes them. None of them waits for anything. */
export function registerAll(environment: Environment, functions: Readonly<Record<string, Handler>>): void {
  for (const [signature, handler] of Object.entries(functions))
    environment.registerFunction(signature, handler as (...args: unknown[]) => unknown, { async: false } as object)
}

/** What a function of a rule refuses; the rule says so to whoever wrote the object. */
export class RuleError extends Error {
  override name = 'RuleError'
}
