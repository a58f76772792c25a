import { spawnSync } from 'node:child_process'

// npm run lint: what CI checks. npm run format: mends what can be mended.
const write = process.argv.includes('--write')
const { status } = spawnSync(
  'tools/node_modules/.bin/biome',
  [write ? 'check' : 'ci', ...(write ? ['--write'] : []), '--diagnostic-level=error'],
  { stdio: 'inherit' },
)
process.exit(status ?? 1)
