let engine: typeof import('./compile.ts') | undefined

/** Loads the language of rules; to be awaited before the first rule is compiled. */
export async function loadRules(): Promise<void> {
  engine ??= await import('./compile.ts')
}

/** @throws Error when it is not loaded. */
export function rulesEngine(): typeof import('./compile.ts') {
  if (!engine) throw new Error('the language of validation rules is not loaded')
  return engine
}
