import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isMissing } from '../host/files.ts'

/** The activity LED of a board. */
export interface Led {
  /** A heartbeat while something is under way, light when the node is Ready, fast blinking when somebody must help. */
  show(what: 'working' | 'well' | 'failed'): Promise<void>
}

/** Names of the green LED: Raspberry Pi OS, older kernels, other boards. */
const NAMES = ['ACT', 'led0', 'act', 'status']
const BLINK_MS = '125'

/** The board's own, by the kernel's triggers. Source: Documentation/leds/leds-class.rst. A board without one shows nothing. */
export const boardLed = (folder: string = '/sys/class/leds'): Led => ({
  show: async (what) => {
    for (const name of NAMES)
      try {
        await showOn(join(folder, name), what)
        return
      } catch (error) {
        if (!isMissing(error)) throw error
      }
  },
})

async function showOn(led: string, what: 'working' | 'well' | 'failed'): Promise<void> {
  const write = (file: string, text: string): Promise<void> => writeFile(join(led, file), text, { flag: 'r+' })
  if (what === 'working') return write('trigger', 'heartbeat')
  if (what === 'well') return write('trigger', 'default-on')
  await write('trigger', 'timer')
  for (const delay of ['delay_on', 'delay_off']) await write(delay, BLINK_MS)
}
