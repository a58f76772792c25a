import { readFile, stat } from 'node:fs/promises'
import type { Log } from '@bramble/reconcile/env'
import { isMissing } from '../host/files.ts'
import { classesOfFile, classOfFlag, type DeviceClass } from './device-class.ts'

export interface DeviceFileParts {
  /** Of `--device`, checked. */
  readonly flags: readonly string[]
  /** YAML or JSON; need not be there. */
  readonly path: string
  readonly log: Log
  readonly tellNode: (type: 'Warning', reason: string, message: string) => void
}

/** Classes of devices, of flags and of a file that is read again when it has changed. What is wrong with the file is told once. */
export function deviceClasses({ flags, path, log, tellNode }: DeviceFileParts): () => Promise<readonly DeviceClass[]> {
  const ofFlags = flags.map(classOfFlag)
  let version = ''
  let ofFile: readonly DeviceClass[] = []
  return async () => {
    try {
      const { size, mtimeMs } = await stat(path)
      if (version !== `${size} ${mtimeMs}`) {
        version = `${size} ${mtimeMs}`
        ofFile = classesOfFile(await parsed(await readFile(path, 'utf8')))
      }
    } catch (error) {
      if (isMissing(error)) [version, ofFile] = ['', []]
      else {
        log.warn('the file of devices cannot be used; those of before stay', { path, error })
        tellNode('Warning', 'InvalidDevices', `${path}: ${(error as Error).message}`)
      }
    }
    return [...ofFlags, ...ofFile]
  }
}

/** A node without such a file does not load what reads YAML. */
async function parsed(text: string): Promise<unknown> {
  if (text.trimStart().startsWith('{')) return JSON.parse(text)
  const { parse } = await import('yaml')
  return parse(text, { maxAliasCount: 0 })
}
