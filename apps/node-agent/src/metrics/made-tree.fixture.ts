import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { TestContext } from 'node:test'

/** A folder with these files, gone after the test. @returns its path. */
export function madeTree(t: TestContext, files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(tmpdir(), 'bramble-tree-'))
  t.after(() => rmSync(root, { recursive: true, force: true }))
  addFiles(root, files)
  return root
}

export function addFiles(root: string, files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
}

/** Files of a container's cgroup, or of a pod's. `at` begins without a slash. */
export const cgroupFiles = (
  version: 1 | 2,
  at: string,
  { cpuNs = 0, memoryBytes = 0, inactiveBytes = 0, pids = [] as readonly number[] },
): Record<string, string> => {
  const processes = pids.map((pid) => `${pid}\n`).join('')
  if (version === 2)
    return {
      [`${at}/cpu.stat`]: `usage_usec ${Math.round(cpuNs / 1000)}\nuser_usec 0\nsystem_usec 0\n`,
      [`${at}/memory.current`]: `${memoryBytes}\n`,
      [`${at}/memory.stat`]: `anon ${memoryBytes}\nfile 0\ninactive_file ${inactiveBytes}\n`,
      [`${at}/pids.current`]: `${pids.length}\n`,
      [`${at}/cgroup.procs`]: processes,
    }
  return {
    [`cpuacct/${at}/cpuacct.usage`]: `${cpuNs}\n`,
    [`cpuacct/${at}/cgroup.procs`]: processes,
    [`cpu/${at}/cpu.shares`]: '2\n',
    [`memory/${at}/memory.usage_in_bytes`]: `${memoryBytes}\n`,
    [`memory/${at}/memory.stat`]: `total_rss ${memoryBytes}\ntotal_inactive_file ${inactiveBytes}\n`,
    [`pids/${at}/pids.current`]: `${pids.length}\n`,
  }
}
