import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { readDescriptions, readFieldValues } from '../definitions.ts'
import type { DocumentJob, DocumentOrder } from './document-folder.ts'
import { documentV2, documentV3 } from './documents.ts'
import { gnosticDocument } from './gnostic.ts'
import type { Texts } from './schemas.ts'

// Runs in a process that ends with its last document: texts and documents are megabytes that are needed once, and memory that a
// thread of the control plane had, the control plane would keep.

process.once('message', (order: DocumentOrder) => {
  const texts: Texts = { descriptions: readDescriptions(), values: readFieldValues() }
  for (const job of order.jobs) {
    write(join(order.folder, job.file), render(job, texts))
    process.send!(job.file)
  }
  process.disconnect()
})

/** A reader never sees half a file. */
function write(path: string, text: Buffer): void {
  writeFileSync(`${path}.new`, gzipSync(text, { level: 9 }), { mode: 0o600 })
  renameSync(`${path}.new`, path)
}

function render({ form, kinds }: DocumentJob, texts: Texts): Buffer {
  switch (form) {
    case 'v3':
      return Buffer.from(JSON.stringify(documentV3(kinds, texts)))
    case 'v2':
      return Buffer.from(JSON.stringify(documentV2(kinds, texts)))
    case 'v2-protobuf':
      return gnosticDocument(documentV2(kinds, texts))
  }
}
