import { readFile } from 'node:fs/promises'
import type { Mount } from '../runtime.ts'

/**
 * Mounts that are read-only with all below them, for a runtime that cannot do that: each mount below is mounted once more, read-only.
 * @param mountinfo Of the host, `/proc/self/mountinfo`.
 */
export function withSubmounts(mounts: readonly Mount[], mountinfo: string): readonly Mount[] {
  const points = mountinfo.split('\n').flatMap((line) => unescaped(line.split(' ')[4] ?? ''))
  return mounts.flatMap((mount) => {
    if (!mount.recursiveReadOnly || !mount.readOnly) return [mount]
    const { recursiveReadOnly: _, ...plain } = mount
    const hostPath = mount.hostPath.replace(/\/+$/, '')
    const below = [...new Set(points)].filter((point) => point.startsWith(`${hostPath}/`)).sort()
    const containerPath = mount.containerPath.replace(/\/+$/, '')
    return [plain, ...below.map((point) => ({ ...plain, hostPath: point, containerPath: containerPath + point.slice(hostPath.length) }))]
  })
}

export const readMountinfo = (): Promise<string> => readFile('/proc/self/mountinfo', 'utf8')

/** The kernel writes blanks and the like as `\040`. */
const unescaped = (path: string): string => path.replace(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
