/** Runs services together. When one ends or fails, the others are stopped; what failed first is thrown when all have ended. */
export async function allOrNone(signal: AbortSignal, services: readonly ((stop: AbortSignal) => Promise<void>)[]): Promise<void> {
  const ended = new AbortController()
  const stop = AbortSignal.any([signal, ended.signal])
  const failures: unknown[] = []
  await Promise.all(
    services.map(async (service) => {
      try {
        await service(stop)
      } catch (error) {
        failures.push(error)
      } finally {
        ended.abort()
      }
    }),
  )
  if (failures.length > 0) throw failures[0]
}
