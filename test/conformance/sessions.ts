import { readdir, readFile, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findKubectls, type Kubectl } from '../e2e/kubectl.ts'
import { play } from './play.ts'
import { expectedOutputs, formatSession, parseSession, type Step, withOutputs } from './session-file.ts'

const FOLDER = fileURLToPath(new URL('sessions/', import.meta.url))
const MINOR_MIN = 27

/** Names of the transcripts, without `.txt`. */
export const sessionNames = async (): Promise<readonly string[]> =>
  (await readdir(FOLDER))
    .filter((name) => name.endsWith('.txt'))
    .map((name) => basename(name, '.txt'))
    .sort()

/** The oldest and the newest kubectl here that transcripts are for. */
export const kubectlsForSessions = async (): Promise<readonly Kubectl[]> =>
  (await findKubectls()).filter(({ version }) => Number(version.split('.')[1]) >= MINOR_MIN)

export interface Compared {
  /** The transcript as it is expected of this version, and as it was. */
  readonly expected: string
  readonly actual: string
}

/** Plays the session with one kubectl. */
export async function compare(name: string, kubectl: Kubectl): Promise<Compared> {
  const steps = await readSession(name)
  const printed = await play(steps, kubectl)
  const expected = steps.map((step, index) => {
    const accepted = expectedOutputs(step, kubectl.version)
    return accepted.find((text) => text === printed[index]) ?? accepted[0] ?? ''
  })
  return { expected: transcript(steps, expected), actual: transcript(steps, printed) }
}

/** Plays the session with every kubectl and writes down what they print. @returns Whether the file changed. */
export async function rewrite(name: string, kubectls: readonly Kubectl[]): Promise<boolean> {
  const path = join(FOLDER, `${name}.txt`)
  const before = await readFile(path, 'utf8')
  const steps = parseSession(before)
  const played: (readonly [string, readonly string[]])[] = []
  for (const kubectl of kubectls) played.push([kubectl.version, await play(steps, kubectl)])
  const after = formatSession(
    steps.map((step, index) => withOutputs(step, new Map(played.map(([version, printed]) => [version, printed[index]!])))),
  )
  if (after !== before) await writeFile(path, after)
  return after !== before
}

const readSession = async (name: string): Promise<readonly Step[]> => parseSession(await readFile(join(FOLDER, `${name}.txt`), 'utf8'))

const transcript = (steps: readonly Step[], texts: readonly string[]): string =>
  formatSession(steps.map((step, index) => ({ ...step, outputs: [{ since: undefined, text: texts[index]! }] })))
