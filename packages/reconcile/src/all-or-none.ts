/** Runs services together. When one ends or fails, the others are stopped; the first failure is thrown when all have ended. */
export async function allOrNone(signal: AbortSignal, services: readonly ((stop: AbortSignal) => Promise<void>)[]): Promise<void> {
  const ended = new AbortController()
  const stop = AbortSignal.any([signal, ended.signal])
  const outcomes = await Promise.allSettled(
    services.map(async (service) => {
      try {
        await service(stop)
      } finally {
        ended.abort()
      }
    }),
  )
  const failed = outcomes.find((outcome) => outcome.status === 'rejected')
  if (failed) throw failed.reason
}
