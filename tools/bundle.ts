import { cpSync, mkdirSync, rmSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

// npm run bundle [-- FOLDER]: FOLDER/<program>/main.js (default: dist), one file per program and one per part that is loaded on
// demand. A bundle starts faster and needs a third less memory than the sources.

const root = fileURLToPath(new URL('../', import.meta.url))
const dist = process.argv[2] ?? `${root}dist`
const PROGRAMS = {
  'control-plane': { workers: ['pki/certificate-worker.ts'], files: ['api/schema/generated/definitions.json', 'http/protobuf/fields.txt'] },
  'node-agent': { workers: ['transport/csr-worker.ts', 'node/inventory-worker.ts'], files: [] },
} as const

for (const [name, { workers, files }] of Object.entries(PROGRAMS)) await bundle(name, workers, files)

async function bundle(name: string, workers: readonly string[], files: readonly string[]): Promise<void> {
  const source = `${root}apps/${name}/src/`
  const target = `${dist}/${name}/`
  rmSync(target, { recursive: true, force: true })
  mkdirSync(target, { recursive: true })
  await build({
    entryPoints: [`${source}main.ts`, ...workers.map((worker) => `${source}${worker}`)],
    entryNames: '[name]', chunkNames: 'parts/[name]-[hash]', outdir: target,
    bundle: true, splitting: true, format: 'esm', platform: 'node', target: 'node24', minify: true, keepNames: true, legalComments: 'linked',
    // packages in CommonJS ask for Node's own modules by require
    banner: { js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);" },
    logLevel: 'error',
  })
  for (const file of files) {
    const to = `${target}${file.replace(/^.*?(generated\/|fields)/, '$1')}`
    mkdirSync(to.slice(0, to.lastIndexOf('/')), { recursive: true })
    cpSync(`${source}${file}`, to)
  }
  console.log(`${name}/main.js: ${Math.round(statSync(`${target}main.js`).size / 1024)} KB`)
}
