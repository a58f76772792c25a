import { cpSync, mkdirSync, rmSync, statSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { fileURLToPath } from 'node:url'
import { build, type Plugin } from 'esbuild'

// npm run bundle [-- FOLDER]: FOLDER/<program>/main.js (default: dist), one file per program and one per part that is loaded on
// demand. A bundle starts faster and needs a third less memory than the sources.

const root = fileURLToPath(new URL('../', import.meta.url))
const dist = process.argv[2] ?? `${root}dist`
const PROGRAMS = {
  'control-plane': {
    workers: ['pki/certificate-worker.ts', 'api/schema/openapi/document-builder.ts'],
    files: [
      'api/schema/generated/definitions.json',
      'api/schema/generated/descriptions.json',
      'api/schema/generated/values.json',
      'http/protobuf/fields.txt',
    ],
  },
  'node-agent': {
    workers: ['transport/csr-worker.ts', 'node/inventory-worker.ts', 'runtime/podman/port-dialer.ts', 'cri-main.ts'],
    files: [],
  },
} as const

/**
 * Node's own modules without `import`, which reads all that they export, also what loads much when it is read: node:http has all
 * of undici behind `WebSocket`, node:crypto has WebCrypto. That is 8 MB of memory that nobody asked for.
 */
const nodeModules: Plugin = {
  name: 'node-modules',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^[a-z0-9_:/]+$/ }, ({ path, kind }) =>
      kind !== 'require-call' && isBuiltin(path) ? { path, namespace: 'node' } : undefined,
    )
    onLoad({ filter: /./, namespace: 'node' }, ({ path }) => ({
      contents: `const it = process.getBuiltinModule('${path}')\nexport default it\nexport const { ${exportsOf(path).join(', ')} } = it`,
    }))
  },
}

/** What a program may import; of the two big ones without what is loaded when it is read. */
function exportsOf(path: string): readonly string[] {
  const isBig = /^(node:)?(http|crypto)$/.test(path)
  const properties = Object.entries(Object.getOwnPropertyDescriptors(process.getBuiltinModule(path)))
  return properties
    .filter(([name, { value }]) => (value !== undefined || !isBig) && /^[a-zA-Z_]\w*$/.test(name) && name !== 'default')
    .map(([name]) => name)
}

for (const [name, { workers, files }] of Object.entries(PROGRAMS)) await bundle(name, workers, files)

async function bundle(name: string, workers: readonly string[], files: readonly string[]): Promise<void> {
  const source = `${root}apps/${name}/src/`
  const target = `${dist}/${name}/`
  rmSync(target, { recursive: true, force: true })
  mkdirSync(target, { recursive: true })
  await build({
    entryPoints: [`${source}main.ts`, ...workers.map((worker) => `${source}${worker}`)],
    entryNames: '[name]',
    chunkNames: 'parts/[name]-[hash]',
    outdir: target,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    minify: true,
    keepNames: true,
    legalComments: 'linked',
    // its CommonJS form, which Node.js would take, has no names left when it is loaded on demand
    alias: { yaml: `${root}node_modules/yaml/browser/index.js` },
    // packages in CommonJS ask for Node's own modules by require
    banner: { js: "const require = process.getBuiltinModule('node:module').createRequire(import.meta.url);" },
    plugins: [nodeModules],
    logLevel: 'error',
  })
  for (const file of files) {
    const to = `${target}${file.replace(/^.*?(generated\/|fields)/, '$1')}`
    mkdirSync(to.slice(0, to.lastIndexOf('/')), { recursive: true })
    cpSync(`${source}${file}`, to)
  }
  console.log(`${name}/main.js: ${Math.round(statSync(`${target}main.js`).size / 1024)} KB`)
}
