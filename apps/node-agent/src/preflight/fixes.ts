import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runCommand } from '../host/exec.ts'
import { atomicWrite, readIfPresent } from '../host/files.ts'
import type { Fix } from './host.ts'
import { withLines, withWords } from './plan.ts'

const MODULES_FILE = '/etc/modules-load.d/bramble.conf'
const SYSCTL_FILE = '/etc/sysctl.d/90-bramble.conf'

export interface FixTools {
  /** Before every path. Default '': this machine. */
  readonly root?: string
  /** Default: the kernel's own modprobe. */
  readonly loadModule?: (name: string) => Promise<void>
}

/**
 * Mends what a check found. Safe to repeat.
 * @returns what was done, for people.
 * @throws Error in words when it cannot be done.
 */
export async function applyFix(fix: Fix, { root = '', loadModule = modprobe }: FixTools = {}): Promise<string> {
  switch (fix.type) {
    case 'words': {
      const path = join(root, fix.path)
      const text = (await readIfPresent(path)) ?? ''
      const next = withWords(text, fix.words)
      if (next === text) return `${fix.path} was right already`
      const backup = `${path}.before-bramble`
      if ((await readIfPresent(backup)) === undefined) await atomicWrite(backup, text)
      await atomicWrite(path, next)
      return `added "${fix.words.join(' ')}" to ${fix.path} (as it was: ${fix.path}.before-bramble); reboot once`
    }
    case 'modules':
      await addLines(join(root, MODULES_FILE), fix.names)
      for (const name of fix.names) await loadModule(name)
      return `loaded ${fix.names.join(', ')}, now and at each boot (${MODULES_FILE})`
    case 'sysctls': {
      const pairs = Object.entries(fix.values)
      await addLines(
        join(root, SYSCTL_FILE),
        pairs.map(([name, value]) => `${name} = ${value}`),
      )
      for (const [name, value] of pairs) await writeFile(join(root, '/proc/sys', name.replaceAll('.', '/')), value)
      return `set ${pairs.map((pair) => pair.join('=')).join(', ')}, now and at each boot (${SYSCTL_FILE})`
    }
  }
}

async function addLines(path: string, lines: readonly string[]): Promise<void> {
  const text = (await readIfPresent(path)) ?? ''
  const next = withLines(text, lines)
  if (next !== text) await atomicWrite(path, next)
}

const modprobe = async (name: string): Promise<void> => void (await runCommand('modprobe', [name]))
