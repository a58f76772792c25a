import { alignTables } from './align-tables.ts'

/** One kind of thing that varies from run to run, and what stands for it in a transcript. */
export interface Rule {
  readonly name: string
  readonly pattern: RegExp
  readonly by: string
}

const WORD = 'bcdfghjklmnpqrstvwxz2456789'

/** In the order in which they are applied. */
export const RULES: readonly Rule[] = [
  { name: 'uids', pattern: /\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g, by: '<uid>' },
  { name: 'times', pattern: /\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)/g, by: '<time>' },
  { name: 'times as describe prints them', pattern: /\b\w{3}, \d\d \w{3} 20\d\d \d\d:\d\d:\d\d [+-]\d{4}/g, by: '<time>' },
  { name: 'times as Go prints them', pattern: /\b20\d\d-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)? [+-]\d{4} \w+( m=[+-][\d.]+)?/g, by: '<time>' },
  { name: 'times of files', pattern: /\b20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ [+-]\d{4}$/gm, by: '<time>' },
  { name: 'folders of kubectl diff', pattern: /\/tmp\/(LIVE|MERGED)-\d+/g, by: '/tmp/$1' },
  { name: 'times of the log', pattern: /^([IWEF])\d{4} \d\d:\d\d:\d\d\.\d+ +\d+ ([\w.]+):\d+\]/gm, by: '$1<time> $2]' },
  { name: 'resource versions', pattern: /(resourceVersion"?: ?"?|Resource ?Version:\s+|resourceVersion=)\d+/g, by: '$1<rv>' },
  { name: 'the address of the server', pattern: /https:\/\/127\.0\.0\.1:\d+/g, by: 'https://<server>' },
  { name: 'the address of the server', pattern: /\b127\.0\.0\.1:\d+/g, by: '<server>' },
  { name: 'addresses of pods', pattern: /\b10\.42\.\d+\.\d+(?!\/)\b/g, by: '<pod-ip>' },
  { name: 'addresses of Services', pattern: /\b10\.43\.(?!0\.1\b)\d+\.\d+(?!\/)\b/g, by: '<cluster-ip>' },
  { name: 'node ports', pattern: /(?<![-\d.])\b(3[0-2]\d{3})(?=\/(TCP|UDP)|,|$| )/gm, by: '<node-port>' },
  { name: 'node ports', pattern: /("?nodePort"?: )\d+/g, by: '$1<node-port>' },
  { name: 'versions of the server', pattern: /v?1\.\d+\.\d+\+bramble[\w.-]*/g, by: '<server-version>' },
  {
    name: 'names of the volumes of tokens',
    pattern: new RegExp(`\\bkube-api-access-[${WORD}]{5}\\b`, 'g'),
    by: 'kube-api-access-<suffix>',
  },
  { name: 'names of the pods of a revision', pattern: new RegExp(`-[${WORD}]{7,10}-[${WORD}]{5}\\b`, 'g'), by: '-<hash>-<suffix>' },
  { name: 'hashes of templates', pattern: /(pod-template-hash"?[=:] ?"?|controller-revision-hash"?[=:] ?"?)[\w-]+/g, by: '$1<hash>' },
  { name: 'names of revisions', pattern: new RegExp(`(?<=[a-z])-(?=[${WORD}]*[0-9])[${WORD}]{7,10}\\b`, 'g'), by: '-<hash>' },
  { name: 'how far a rollout is', pattern: /^Waiting for .* to (finish|be observed|be updated).*$/gm, by: '' },
  { name: 'names made of a hash', pattern: /(?<=[a-z])-(?=[0-9a-f]*[0-9])[0-9a-f]{8}\b/g, by: '-<hash>' },
  { name: 'identities of containers', pattern: /\b(fake:\/\/|sha256:)[0-9a-f]{64}/g, by: '$1<hash>' },
  { name: 'how long a pull took', pattern: /\bin \d+(\.\d+)?m?s \(\d+(\.\d+)?m?s including waiting\)/g, by: 'in <duration>' },
  { name: 'tokens', pattern: /\beyJ[\w-]+\.[\w-]+\.[\w-]+/g, by: '<token>' },
]

/** Where an age stands: alone in a cell of a table, at the end of a row without header, after a colon. Sessions last less than 5 minutes. */
const AGE = String.raw`(?:<invalid>|<unknown>|\d{1,3}s|[1-4]m(?:\d{1,2}s)?)`
const AGE_CELL = new RegExp(`^(${AGE}( ago)?( \\(x\\d+ over ${AGE}\\))?|\\d+ \\(${AGE} ago\\))$`)
const AGE_WITHOUT_HEADER = new RegExp(`(?<= {3})${AGE}(?= {2}|$) *`, 'g')
const AGE_AFTER_COLON = new RegExp(`^(\\s*(?:Age|Duration|Elapsed)[\\w ]*:\\s+)${AGE}$`, 'gm')

/** A transcript's text: what varies replaced by its rule, tables aligned again for what stands in them now. */
export function normalise(text: string, own: readonly Rule[] = []): string {
  const replaced = (part: string): string =>
    [...own, ...RULES].reduce(
      (rest, { pattern, by }) => rest.replace(pattern, by),
      part.replace(AGE_AFTER_COLON, '$1<age>').replace(AGE_WITHOUT_HEADER, '<age>   '),
    )
  return alignTables(text, (cell) => (AGE_CELL.test(cell) ? '<age>' : replaced(cell)))
    .replace(/[ \t]+$/gm, '')
    .replace(/\n{3,}/g, '\n\n')
    .replace(/^\n+|\s+$/g, '')
}
