import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ProgramName, programCommand, programEnvironment } from '../apps/cli/src/programs.ts'
import { runCommand } from '../apps/node-agent/src/host/exec.ts'

const REPOSITORY = join(import.meta.dirname, '..')

/** Both programs as `npm run bundle` makes them, from the sources as they are now, in a folder of their own. */
export class Bundles {
  readonly #folder: string

  private constructor(folder: string) {
    this.#folder = folder
  }

  static async make(): Promise<Bundles> {
    const folder = await mkdtemp(join(tmpdir(), 'bramble-bench-'))
    await writeFile(join(folder, 'package.json'), '{"type":"module"}')
    await runCommand(process.execPath, [join(REPOSITORY, 'tools/bundle.ts'), folder], { timeoutMs: 120_000 })
    return new Bundles(folder)
  }

  /** How `bramble` starts a program. */
  command(name: ProgramName): readonly string[] {
    return [...programCommand(name).slice(0, -1), join(this.#folder, name, 'main.js')]
  }

  environment(config: Record<string, unknown>): Record<string, string> {
    return programEnvironment(config)
  }

  async remove(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true })
  }
}
