import { type Check, type Host, ok } from '../host.ts'

export const MEMORY_WORDS = ['cgroup_enable=memory', 'cgroup_memory=1'] as const
/** Where Raspberry Pi OS has it, since bookworm and before. Source: Raspberry Pi documentation, "The boot folder". */
const COMMAND_LINES = ['/boot/firmware/cmdline.txt', '/boot/cmdline.txt']

/** The firmware of a Raspberry Pi turns the memory controller off unless it is told not to. */
export const memoryCgroup: Check = {
  name: 'memory cgroup',
  isCheap: true,
  condition: { type: 'MemoryCgroupMissing', bad: 'MemoryControllerOff', good: 'MemoryControllerOn' },
  judge(host) {
    if (hasMemory(host)) return ok('the kernel counts and limits the memory of pods')
    const message = 'the kernel does not count memory: limits of pods have no effect, and one pod can take all there is'
    const path = commandLine(host)
    if (path === undefined)
      return {
        level: 'fail',
        message,
        advice: `add "${MEMORY_WORDS.join(' ')}" to the kernel's command line in the boot loader, then reboot`,
      }
    const given = (host.text(path) ?? '').split(/\s+/)
    const words = MEMORY_WORDS.filter((word) => !given.includes(word))
    if (words.length === 0) return { level: 'fail', message, advice: `${path} is right already: reboot` }
    return {
      level: 'fail',
      message,
      advice: `add "${words.join(' ')}" to the one line of ${path}, then reboot`,
      fix: { type: 'words', path, words },
    }
  },
}

const hasMemory = (host: Host): boolean =>
  (host.text('/sys/fs/cgroup/cgroup.controllers') ?? '').split(/\s+/).includes('memory') || host.names('/sys/fs/cgroup/memory').length > 0

/** The older place may hold nothing but a note that it has moved. */
const commandLine = (host: Host): string | undefined =>
  COMMAND_LINES.find((path) => {
    const text = host.text(path)
    return text !== undefined && /(^|\s)root=/.test(text) && !/DO NOT EDIT/.test(text)
  })
