import { runCommand } from '../../host/exec.ts'
import type { WritableLayer } from '../runtime.ts'

const COUNT_MS_MAX = 120_000
const OUTPUT_BYTES_MAX = 4 << 20

/** What is in the folders of containers, counted by the lightest program there is: one process for all sizes and one for all inodes. */
export async function countLayers(folders: ReadonlyMap<string, string>): Promise<readonly WritableLayer[]> {
  if (folders.size === 0) return []
  const [bytes, inodes] = await Promise.all([summary('--block-size=1', folders), summary('--inodes', folders)])
  return [...folders].flatMap(([containerId, folder]) => {
    const usedBytes = bytes.get(folder)
    const count = inodes.get(folder)
    return usedBytes === undefined ? [] : [{ containerId, usedBytes, ...(count !== undefined && { inodes: count }) }]
  })
}

/** Folders that went away meanwhile are left out. */
async function summary(what: string, folders: ReadonlyMap<string, string>): Promise<ReadonlyMap<string, number>> {
  const { stdout } = await runCommand('du', ['--summarize', '--one-file-system', '--null', what, '--files0-from=-'], {
    input: [...folders.values()].join('\0'),
    exitCodes: 'any',
    timeoutMs: COUNT_MS_MAX,
    maxOutputBytes: OUTPUT_BYTES_MAX,
  })
  return new Map(
    stdout
      .split('\0')
      .filter((line) => line !== '')
      .map((line) => [line.slice(line.indexOf('\t') + 1), Number(line.slice(0, line.indexOf('\t')))]),
  )
}
