import type { HealthCheck } from './http/routes/health.ts'

type Run = (stop: AbortSignal) => Promise<void>

/** A part of the control plane that is well while what `run` was given is under way. */
export function runningPart(name: string): HealthCheck & { run(part: Run): Run } {
  let isRunning = false
  return {
    name,
    check: () => (isRunning ? undefined : 'it does not run'),
    run: (part) => async (stop) => {
      isRunning = true
      try {
        await part(stop)
      } finally {
        isRunning = false
      }
    },
  }
}
