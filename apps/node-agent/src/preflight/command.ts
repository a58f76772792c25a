import { type Checked, runChecks } from './all.ts'
import { applyFix, type FixTools } from './fixes.ts'
import type { Host } from './host.ts'
import { table } from './plan.ts'

export interface CommandParts {
  /** As it is now: asked again after something was mended. */
  readonly look: () => Promise<Host>
  readonly write: (text: string) => void
  readonly tools?: FixTools
}

/**
 * `bramble agent --check` and `--fix`.
 * @returns exit code: 1 when something fails.
 */
export async function preflightCommand(what: 'check' | 'fix', { look, write, tools }: CommandParts): Promise<0 | 1> {
  let checked: readonly Checked[] = runChecks(await look())
  if (what === 'fix') {
    for (const { check, finding } of checked)
      if (finding.fix)
        try {
          write(`${check.name}: ${await applyFix(finding.fix, tools)}\n`)
        } catch (error) {
          write(`${check.name}: could not be mended: ${(error as Error).message}\n`)
        }
    checked = runChecks(await look())
  }
  write(table(checked))
  return checked.some(({ finding }) => finding.level === 'fail') ? 1 : 0
}
