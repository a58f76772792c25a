import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildDefinitions } from './schema/build-definitions.ts'
import { type Model, readModel } from './schema/read-model.ts'
import { readTables, TABLE_FILES } from './schema/tables.ts'

const ROOT = join(import.meta.dirname, '..')
const CLIENT = join(ROOT, 'node_modules/@kubernetes/client-node')
const TOOLS = join(ROOT, 'tools/schema')
const FIELDS = join(ROOT, 'apps/control-plane/src/http/protobuf/fields.txt')
export const OUTPUT = join(ROOT, 'apps/control-plane/src/api/schema/generated')

/**
 * Writes what the API server must know of Kubernetes' types: `definitions.json` (shapes), `descriptions.json` and
 * `values.json` (for OpenAPI, apart, so that the server need not hold them). Does nothing when its inputs are unchanged.
 *
 * @returns Whether it wrote.
 * @throws Error when @kubernetes/client-node is not installed.
 */
export function generate(folder: string = OUTPUT): boolean {
  if (!existsSync(join(CLIENT, 'package.json'))) throw new Error('@kubernetes/client-node is not installed: run "npm ci" first')
  const fingerprint = inputFingerprint()
  const stamp = join(folder, 'inputs.sha256')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === fingerprint) return false

  const { schemas, descriptions, values } = buildDefinitions(readTables(TOOLS), modelReader(join(CLIENT, 'dist/gen/models')))
  mkdirSync(folder, { recursive: true })
  replace(join(folder, 'definitions.json'), JSON.stringify(schemas))
  replace(join(folder, 'descriptions.json'), JSON.stringify(descriptions))
  replace(join(folder, 'values.json'), JSON.stringify(values))
  replace(stamp, fingerprint)
  return true
}

/** The library by its version, ourselves by our text: reading a thousand models costs more than writing. */
function inputFingerprint(): string {
  const hash = createHash('sha256')
  const own = [
    ...TABLE_FILES,
    ...readdirSync(TOOLS)
      .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
      .sort(),
  ]
  for (const file of [join(CLIENT, 'package.json'), FIELDS, ...own.map((file) => join(TOOLS, file))])
    hash.update(readFileSync(file)).update('\0')
  return hash.digest('hex')
}

function modelReader(folder: string): (className: string) => Model | undefined {
  const models = new Map<string, Model | undefined>()
  return (className) => {
    if (!models.has(className)) {
      const script = join(folder, `${className}.js`)
      models.set(
        className,
        existsSync(script)
          ? readModel(className, readFileSync(script, 'utf8'), readFileSync(join(folder, `${className}.d.ts`), 'utf8'))
          : undefined,
      )
    }
    return models.get(className)
  }
}

/** A reader never sees half a file. */
function replace(file: string, text: string): void {
  writeFileSync(`${file}.new`, text)
  renameSync(`${file}.new`, file)
}

if (import.meta.main) {
  try {
    console.log(generate() ? `generated ${OUTPUT}` : 'definitions are up to date')
  } catch (error) {
    console.error(`generate: ${error instanceof Error ? error.message : String(error)}`)
    process.exitCode = 1
  }
}
