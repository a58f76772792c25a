import { globSync, readFileSync } from 'node:fs'

/** A property of the code: what is forbidden where, the files that may, and why. */
export interface Rule {
  readonly in: RegExp
  readonly home?: RegExp
  readonly forbid: RegExp
  readonly because: string
}

const LINES_MAX = 400

/** When a rule hurts, change the rule in a decision record, not a list of exemptions. */
export const RULES: readonly Rule[] = [
  {
    in: /\/src\/(?!.*\.test\.ts$)/,
    home: /reconcile\/src\/env\.ts$|apps\/cli\/src\/|^provisioning\//,
    forbid: /\b(Date\.now|Math\.random|setTimeout|setInterval)\(|from 'node:timers/,
    because: 'nondeterminism enters through Env',
  },
  {
    in: /\/src\//,
    home: /node-agent\/src\/host\/exec\.ts$|apps\/cli\/src\/run\.ts$|^provisioning\/src\/run\.ts$/,
    forbid: /from 'execa'/,
    because: 'one file starts processes, bounded and logged',
  },
  { in: /\/src\//, home: /node\/inventory-worker\.ts$/, forbid: /['(]systeminformation'/, because: 'it forks shells; ask SystemFacts' },
  { in: /\/src\//, home: /transport\/broker(\.test)?\.ts$/, forbid: /from 'aedes'/, because: 'the broker has one home' },
  { in: /\/src\//, home: /packages\/link\/src\/mqtt\//, forbid: /from 'mqtt'/, because: 'the MQTT client has one home' },
  { in: /\/src\//, home: /control-plane\/src\/http\//, forbid: /from '(hono|@hono\/)/, because: 'HTTP has one home' },
  {
    in: /\/src\//,
    home: /store\/backend\/sqlite(-backup)?\.ts$|\.test\.ts$|store\/power-cut/,
    forbid: /from 'node:sqlite'/,
    because: 'SQLite has one home',
  },
  { in: /apps\/control-plane\/src\//, forbid: /from '.*\/node-agent\//, because: 'programs never import each other' },
  { in: /apps\/node-agent\/src\//, forbid: /from '.*\/control-plane\//, because: 'programs never import each other' },
  {
    in: /apps\/cli\/src\//,
    forbid: /from '.*\/(control-plane|node-agent)\/src\/(?!(cri-)?config\.ts')/,
    because: 'the command knows the settings of programs, nothing else',
  },
  { in: /packages\//, forbid: /from '.*apps\//, because: 'packages know no program' },
  {
    in: /^provisioning\//,
    forbid: /from '.*apps\/|from '@bramble\/(api|reconcile\/sim)/,
    because: 'provisioning makes cards and releases; the command joins it to a cluster',
  },
  { in: /packages\/api\/src\/(?!.*\.test\.ts)/, forbid: /from '(@bramble\/|node:)/, because: 'nouns depend on nothing' },
  { in: /packages\/reconcile\/src\//, forbid: /from '@bramble\/(link|api)/, because: 'the loop knows no nouns' },
  {
    in: /control-plane\/src\/(controllers|scheduler|gateway)\/(?!.*(\.test|\.fixture|test-bench)\.ts$)/,
    forbid: /from '.*\/(store|http|transport)\//,
    because: 'they know the cluster only through ApiClient',
  },
  {
    in: /control-plane\/src\/(api|resources|store)\/(?!.*\.test\.ts$)/,
    forbid: /from '.*\/(http|transport|gateway|controllers|scheduler)\//,
    because: 'imports go one way: store ← api ← resources ← the rest',
  },
  {
    in: /node-agent\/src\/(runtime|network|devices|cri-server)\//,
    forbid: /from '.*\/(pods|state)\/|@bramble\/link/,
    because: 'adapters do not know who uses them',
  },
  {
    in: /\/(plan|convert|render|status|records|assignments)\.ts$/,
    forbid: /\basync\b|\bawait\b|from 'node:(?!crypto)/,
    because: 'decisions and conversions are pure',
  },
  { in: /\/src\/.*\.ts$/, forbid: /\b(export default|enum \w+ \{)/, because: 'named exports and erasable syntax only' },
]

/** Complaints about one file; each says where, what and why. */
export function tidy(path: string, text: string): readonly string[] {
  const lines = text.split('\n')
  const complaints = lines.length > LINES_MAX + 1 ? [`${path}: ${lines.length - 1} lines, at most ${LINES_MAX}`] : []
  const rules = RULES.filter((rule) => rule.in.test(path) && !rule.home?.test(path))
  for (const [index, line] of lines.entries())
    for (const rule of rules) if (rule.forbid.test(line)) complaints.push(`${path}:${index + 1}: ${line.trim()} (${rule.because})`)
  return complaints
}

/** Every source file of the project, generated code left out. */
export const sourceFiles = (): readonly string[] =>
  ['packages', 'apps', 'provisioning', 'test', 'bench', 'tools']
    .flatMap((folder) => globSync(`${folder}/**/*.ts`, { exclude: (path) => /node_modules|\/generated/.test(path) }))
    .filter((path) => !/\/grpc\/(stream\.ts|\w+_pb\.d\.ts)$/.test(path))
    .sort()

/** Source files under src/ that nothing imports: dead, or a program's entry. */
export function orphans(files: readonly string[], texts: ReadonlyMap<string, string>): readonly string[] {
  const named = new Set(
    [...texts.values()].flatMap((text) => [...text.matchAll(/['"`](?:[^'"`]*\/)?([\w.-]+?)(?:\.ts)?['"`]/g)].map((match) => match[1]!)),
  )
  return files.filter(
    (path) => /\/src\//.test(path) && !/\.test\.ts$|\/main\.ts$/.test(path) && !named.has(path.split('/').at(-1)!.replace(/\.ts$/, '')),
  )
}

export const readAll = (files: readonly string[]): ReadonlyMap<string, string> =>
  new Map(files.map((path) => [path, readFileSync(path, 'utf8')]))
