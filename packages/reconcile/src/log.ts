import { type Logger, pino } from 'pino'
import type { Log } from './env.ts'

/** JSON lines on stderr, for journald or a file. Levels: debug, info, warn, error, silent. */
export function jsonLog(name: string, level: string): Log {
  const logger = pino(
    { base: { name }, level, timestamp: pino.stdTimeFunctions.isoTime, serializers: { error: pino.stdSerializers.err } },
    pino.destination({ fd: 2, sync: true }),
  )
  return wrap(logger)
}

const wrap = (logger: Pick<Logger<never>, 'debug' | 'info' | 'warn' | 'error' | 'child'>): Log => ({
  debug: (message, fields) => logger.debug(fields ?? {}, message),
  info: (message, fields) => logger.info(fields ?? {}, message),
  warn: (message, fields) => logger.warn(fields ?? {}, message),
  error: (message, fields) => logger.error(fields ?? {}, message),
  child: (fields) => wrap(logger.child(fields)),
})

const nothing = (): void => {}
/** Says nothing; for tests and simulations. */
export const silentLog: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing, child: () => silentLog }
