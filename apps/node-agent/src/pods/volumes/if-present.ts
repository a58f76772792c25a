import { isMissing } from '../../host/files.ts'

/** What a look at a file gives; undefined when there is no such file. */
export async function ifPresent<T>(look: Promise<T>): Promise<T | undefined> {
  try {
    return await look
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}
