const KNOWN: readonly string[] = ['UTC', ...Intl.supportedValuesOf('timeZone')]

/** Why `text` is no time zone, with the names that may be meant. */
export function timezoneProblem(text: string): string | undefined {
  if (KNOWN.includes(text)) return undefined
  const lower = text.toLowerCase()
  const near = KNOWN.filter((zone) => zone.toLowerCase() === lower || zone.toLowerCase().endsWith(`/${lower.replaceAll(' ', '_')}`))
  if (near.length > 0) return `is no time zone; did you mean ${near.join(' or ')}?`
  // Newer names of zones, which Intl lists under their old ones: Asia/Kolkata, Europe/Kyiv.
  if (/^[A-Z][A-Za-z_]+(\/[A-Z][A-Za-z_+-]+){1,2}$/.test(text) && isAlias(text)) return undefined
  return 'is no time zone; they look like Europe/Berlin or UTC'
}

function isAlias(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name })
    return true
  } catch {
    return false
  }
}
