import { access } from 'node:fs/promises'
import { runCommand } from './exec.ts'

/** The machine's clock, as far as it is ours to set. */
export interface SystemTime {
  /** Whether the system keeps the time by itself, from the network or a receiver. */
  isSynchronised(): Promise<boolean>
  /** @param timeMs Epoch milliseconds. @throws HostError when this machine does not let us. */
  set(timeMs: number): Promise<void>
}

/** Where systemd-timesyncd says so; the kernel says it for all others, and timedatectl asks it. */
const SYNCHRONISED = '/run/systemd/timesync/synchronized'

export const hostTime: SystemTime = {
  isSynchronised: () =>
    access(SYNCHRONISED).then(
      () => true,
      async () => {
        const said = await runCommand('timedatectl', ['show', '--property=NTPSynchronized', '--value'], { exitCodes: 'any' }).catch(
          () => undefined,
        )
        return said?.stdout.trim() === 'yes'
      },
    ),
  set: async (timeMs) => void (await runCommand('date', ['-u', '-s', `@${Math.round(timeMs / 1000)}`])),
}
