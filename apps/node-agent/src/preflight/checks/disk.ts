import { type Check, type Host, ok } from '../host.ts'

const GiB = 2 ** 30

export const disk: Check = {
  name: 'disk',
  isCheap: true,
  judge(host) {
    const { dataDirectory } = host.settings
    const found = host.disk(dataDirectory)
    if (!found)
      return { level: 'fail', message: `${dataDirectory} cannot be made`, advice: 'check --data-dir, and whether its disk is mounted' }
    if (found.isReadOnly)
      return {
        level: 'fail',
        message: `${dataDirectory} cannot be written to: its file system is read-only`,
        advice:
          'an overlay file system ("raspi-config", Performance) has to be off; else the card is failing: see "dmesg", and copy it to a new one',
      }
    const free = `${(found.availableBytes / GiB).toFixed(1)} GiB of ${dataDirectory} are free`
    if (found.availableBytes < GiB / 4)
      return { level: 'fail', message: free, advice: 'remove what is not needed ("du -xh / | sort -h"): images need room' }
    if (found.availableBytes < 2 * GiB)
      return { level: 'warn', message: free, advice: 'remove what is not needed ("du -xh / | sort -h"): images need room' }
    const worn = wornDevice(host)
    if (worn !== undefined)
      return {
        level: 'warn',
        message: `${worn} says that it is worn out`,
        advice: 'copy it to a new one, a card for high endurance or an SSD',
      }
    const damaged = host.names('/sys/fs/ext4').find((name) => Number(host.text(`/sys/fs/ext4/${name}/errors_count`) ?? 0) > 0)
    if (damaged !== undefined)
      return {
        level: 'warn',
        message: `the file system on ${damaged} has had errors`,
        advice: 'add fsck.mode=force to the kernel command line for one boot',
      }
    return ok(free)
  },
}

/** Source: JESD84-B51, EXT_CSD "device life time estimation" and "pre EOL information". */
const wornDevice = (host: Host): string | undefined =>
  host.names('/sys/block').find((name) => {
    const life = (host.text(`/sys/block/${name}/device/life_time`) ?? '').trim().split(/\s+/).map(Number)
    const left = Number(host.text(`/sys/block/${name}/device/pre_eol_info`)?.trim() ?? 0)
    return life.some((tenths) => tenths >= 0x0a) || left >= 2
  })
