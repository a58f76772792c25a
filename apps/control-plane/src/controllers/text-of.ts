/** What an error says, for a condition or an Event. */
export const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
