import { readdir } from 'node:fs/promises'
import { ifPresent } from './if-present.ts'

/** Names in a folder; none when there is no such folder. */
export const namesIn = async (folder: string): Promise<readonly string[]> => (await ifPresent(readdir(folder))) ?? []
