import type { Env } from '../env.ts'
import { silentLog } from '../log.ts'
import { seeded, seededUuids } from './seeded.ts'
import { SimClock } from './sim-clock.ts'

/** An Env under virtual time; same seed, same run. */
export const simEnv = (seed = 1, clock: SimClock = new SimClock()): Env & { readonly clock: SimClock } => ({
  clock,
  random: seeded(seed),
  log: silentLog,
  uuid: seededUuids(seed),
})
