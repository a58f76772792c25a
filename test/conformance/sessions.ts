import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { systemClock } from '@bramble/reconcile/env'
import { openPki } from '../../apps/control-plane/src/pki/pki.ts'
import { findKubectls, type Kubectl } from '../e2e/kubectl.ts'
import { play } from './play.ts'
import { expectedOutputs, formatSession, parseSession, type Step, withOutputs } from './session-file.ts'

const FOLDER = fileURLToPath(new URL('sessions/', import.meta.url))
const MINOR_MIN = 27

export interface Compared {
  /** The transcript as it is expected of this version, and as it was. */
  readonly expected: string
  readonly actual: string
}

/** The transcripts in this folder, and the kubectls to play them with: the oldest and the newest here that they are for. */
export class Sessions {
  /** Of the transcripts, without `.txt`. */
  readonly names: readonly string[]
  readonly kubectls: readonly Kubectl[]
  readonly #pkiFolder: string

  private constructor(names: readonly string[], kubectls: readonly Kubectl[], pkiFolder: string) {
    this.names = names
    this.kubectls = kubectls
    this.#pkiFolder = pkiFolder
  }

  static async open(): Promise<Sessions> {
    const files = (await readdir(FOLDER)).filter((name) => name.endsWith('.txt')).sort()
    const kubectls = (await findKubectls()).filter(({ version }) => Number(version.split('.')[1]) >= MINOR_MIN)
    const pkiFolder = await mkdtemp(join(tmpdir(), 'bramble-sessions-'))
    await openPki(pkiFolder, ['localhost'], ['127.0.0.1'], systemClock)
    const names = files.map((name) => basename(name, '.txt'))
    return new Sessions(names, kubectls, pkiFolder)
  }

  /** Plays the session with one kubectl. */
  async compare(name: string, kubectl: Kubectl): Promise<Compared> {
    const steps = parseSession(await readFile(pathOf(name), 'utf8'))
    const printed = await play(steps, kubectl, this.#pkiFolder)
    const expected = steps.map((step, index) => {
      const accepted = expectedOutputs(step, kubectl.version)
      return accepted.find((text) => text === printed[index]) ?? accepted[0] ?? ''
    })
    return { expected: transcript(steps, expected), actual: transcript(steps, printed) }
  }

  /** Plays the session with every kubectl and writes down what they print. @returns Whether the file changed. */
  async rewrite(name: string): Promise<boolean> {
    const before = await readFile(pathOf(name), 'utf8')
    const steps = parseSession(before)
    const played: (readonly [string, readonly string[]])[] = []
    for (const kubectl of this.kubectls) played.push([kubectl.version, await play(steps, kubectl, this.#pkiFolder)])
    const after = formatSession(
      steps.map((step, index) => withOutputs(step, new Map(played.map(([version, printed]) => [version, printed[index]!])))),
    )
    if (after !== before) await writeFile(pathOf(name), after)
    return after !== before
  }

  close(): Promise<void> {
    return rm(this.#pkiFolder, { recursive: true, force: true })
  }
}

const pathOf = (name: string): string => join(FOLDER, `${name}.txt`)

const transcript = (steps: readonly Step[], texts: readonly string[]): string =>
  formatSession(steps.map((step, index) => ({ ...step, outputs: [{ since: undefined, text: texts[index]! }] })))
