import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import { gzipSync } from 'node:zlib'
import { readDescriptions, readFieldValues } from '../definitions.ts'
import type { DocumentJob } from './document-folder.ts'
import { documentV2, documentV3 } from './documents.ts'
import { gnosticDocument } from './gnostic.ts'
import type { Texts } from './schemas.ts'

// Runs in a worker thread that ends with its last document: texts and documents are megabytes that are needed once.

const { folder, jobs } = workerData as { readonly folder: string; readonly jobs: readonly DocumentJob[] }
const texts: Texts = { descriptions: readDescriptions(), values: readFieldValues() }

for (const job of jobs) {
  const file = join(folder, job.file)
  writeFileSync(`${file}.new`, gzipSync(render(job), { level: 9 }), { mode: 0o600 })
  renameSync(`${file}.new`, file)
  parentPort!.postMessage(job.file)
}

function render({ form, kinds }: DocumentJob): Buffer {
  switch (form) {
    case 'v3':
      return Buffer.from(JSON.stringify(documentV3(kinds, texts)))
    case 'v2':
      return Buffer.from(JSON.stringify(documentV2(kinds, texts)))
    case 'v2-protobuf':
      return gnosticDocument(documentV2(kinds, texts))
  }
}
