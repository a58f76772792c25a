import { cpSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { fileURLToPath } from 'node:url'
import { build, type Plugin } from 'esbuild'

// npm run bundle [-- FOLDER]: FOLDER/<program>/main.js (default: dist), one file per program and one per part that is loaded on
// demand. A bundle starts faster and needs a third less memory than the sources.

const root = fileURLToPath(new URL('../', import.meta.url))
const PROGRAMS = {
  cli: { workers: [], files: [] },
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

export interface BundleOptions {
  /** What the programs say that they are. Default: that of package.json. */
  readonly version?: string
}

/** Writes every program to `dist`. @returns the folders of npm packages, relative to the repository, of which anything is inside. */
export async function bundleAll(dist: string, { version }: BundleOptions = {}): Promise<readonly string[]> {
  const inputs: string[] = []
  for (const [name, { workers, files }] of Object.entries(PROGRAMS)) inputs.push(...(await bundle(dist, name, workers, files, version)))
  const packages = inputs.map((path) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1]).filter((path) => path !== undefined)
  return [...new Set(packages)].sort()
}

/** Programs ask package.json for their version and nothing else. */
const versioned = (version: string | undefined): Plugin => ({
  name: 'versioned',
  setup({ onLoad }) {
    const manifest = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as { version: string }
    onLoad({ filter: /\/package\.json$/ }, ({ path }) =>
      path === `${root}package.json` ? { contents: JSON.stringify({ version: version ?? manifest.version }), loader: 'json' } : undefined,
    )
  },
})

async function bundle(
  dist: string,
  name: string,
  workers: readonly string[],
  files: readonly string[],
  version: string | undefined,
): Promise<readonly string[]> {
  const source = `${root}apps/${name}/src/`
  const target = `${dist}/${name}/`
  rmSync(target, { recursive: true, force: true })
  mkdirSync(target, { recursive: true })
  const { metafile } = await build({
    absWorkingDir: root,
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
    plugins: [versioned(version), nodeModules],
    metafile: true,
    logLevel: 'error',
  })
  for (const file of files) {
    const to = `${target}${file.replace(/^.*?(generated\/|fields)/, '$1')}`
    mkdirSync(to.slice(0, to.lastIndexOf('/')), { recursive: true })
    cpSync(`${source}${file}`, to)
  }
  console.log(`${name}/main.js: ${Math.round(statSync(`${target}main.js`).size / 1024)} KB`)
  return Object.keys(metafile.inputs)
}

if (import.meta.main) await bundleAll(process.argv[2] ?? `${root}dist`)
