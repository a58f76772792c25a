import { open } from 'node:fs/promises'
import type { Pod } from '@bramble/api/types/pod'
import { messageOf } from '../message-of.ts'
import { ManifestError, type StaticPodPlace, staticPods } from './static-pod.ts'

/** More is no manifest. */
const BYTES_MAX = 1 << 20
const DOCUMENTS_MAX = 100

/**
 * The pods of a manifest in YAML (several documents) or JSON; empty documents count for nothing.
 * @throws ManifestError; what the file system throws.
 */
export async function readManifest(place: StaticPodPlace): Promise<readonly Pod[]> {
  const text = await readBounded(place.path)
  return (await documentsOf(text)).flatMap((document) => (document === null ? [] : staticPods(document, place)))
}

async function readBounded(path: string): Promise<string> {
  const file = await open(path, 'r')
  try {
    const stat = await file.stat()
    if (!stat.isFile()) throw new ManifestError('not a regular file')
    if (stat.size > BYTES_MAX) throw new ManifestError(`larger than ${BYTES_MAX} bytes`)
    const buffer = Buffer.alloc(BYTES_MAX + 1)
    const { bytesRead } = await file.read(buffer, 0, buffer.length, 0)
    if (bytesRead > BYTES_MAX) throw new ManifestError(`larger than ${BYTES_MAX} bytes`)
    return buffer.toString('utf8', 0, bytesRead)
  } finally {
    await file.close()
  }
}

async function documentsOf(text: string): Promise<readonly unknown[]> {
  try {
    if (text.trimStart().startsWith('{')) return [JSON.parse(text)]
    const { parseAllDocuments } = await import('yaml') // a node without manifests never loads it
    const documents = parseAllDocuments(text, { schema: 'yaml-1.1', maxAliasCount: 100 } as object)
    if (!Array.isArray(documents)) return []
    if (documents.length > DOCUMENTS_MAX) throw new ManifestError(`more than ${DOCUMENTS_MAX} documents`)
    return documents.map((document) => {
      const [error] = document.errors
      if (error) throw new ManifestError(error.message)
      return document.toJS({ maxAliasCount: 100 }) as unknown
    })
  } catch (error) {
    throw error instanceof ManifestError ? error : new ManifestError(messageOf(error))
  }
}
