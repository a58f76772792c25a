let library: typeof import('@marcbachmann/cel-js') | undefined

/** Loads the language of rules; to be awaited before the first rule is compiled. */
export async function loadRules(): Promise<void> {
  library ??= await import('@marcbachmann/cel-js')
}

/** @throws Error when it is not loaded. */
export function rulesLibrary(): typeof import('@marcbachmann/cel-js') {
  if (!library) throw new Error('the library for validation rules is not loaded')
  return library
}
