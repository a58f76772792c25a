import type { Environment } from '@marcbachmann/cel-js'
import { OURS } from '../ast.ts'
import { registerAll } from './register.ts'

const TIMESTAMP = 'google.protobuf.Timestamp'
const DURATION = 'google.protobuf.Duration'
const DAY_MS = 86_400_000

/** Conversions of instants and durations that the library lacks. Source: github.com/google/cel-spec doc/langdef.md. */
export const registerTimes = (environment: Environment): void =>
  registerAll(environment, {
    [`string(${TIMESTAMP}): string`]: (instant: Date) => instant.toISOString().replace('.000Z', 'Z'),
    [`string(${DURATION}): string`]: (duration: object) => String(duration),
    [`int(${TIMESTAMP}): int`]: (instant: Date) => BigInt(Math.floor(instant.getTime() / 1000)),
    [`timestamp(${TIMESTAMP}): ${TIMESTAMP}`]: (instant: Date) => instant,
    [`duration(${DURATION}): ${DURATION}`]: (duration: object) => duration,
    [`${TIMESTAMP}.${OURS}getDayOfYear(): int`]: (instant: Date) =>
      BigInt(Math.floor((instant.getTime() - Date.UTC(instant.getUTCFullYear(), 0, 1)) / DAY_MS)),
  })
