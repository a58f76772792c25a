import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { test } from 'node:test'
import { TOKEN, Tree } from './firstboot.fixture.ts'

// Power is lost before each command of a first boot in turn; the next boot goes to the end.

const AT_ONCE = 4
const COMMANDS_MAX = 2_000

test('whatever command power is lost before, the next boot ends as if it had not been, and the token is never lost', {
  timeout: 560_000,
}, async (t) => {
  const whole = await Tree.make(t)
  assert.equal((await whole.boot(['os', 'join'])).code, 0)
  const wanted = await whole.everything()
  let next = 1
  let end = COMMANDS_MAX
  const worker = async (): Promise<void> => {
    for (let cut = next++; cut < end; cut = next++) if (!(await endsTheSame(cut))) end = Math.min(end, cut)
  }

  /** @returns false when there was no such command any more. */
  async function endsTheSame(cut: number): Promise<boolean> {
    const tree = await Tree.make(t)
    const first = await tree.boot(['os', 'join'], cut)
    if (first.code === 0) return false
    const isOnCard = (await tree.card('node.env')).includes(`TOKEN='${TOKEN}'`)
    const isKept = (await tree.read('var/lib/bramble/join-token')) === `${TOKEN}\n`
    assert.ok(isOnCard || isKept, `the token was lost in a cut before command ${cut}`)
    const second = await tree.boot(['os', 'join'])
    assert.equal(second.code, 0, `after a cut before command ${cut}: ${second.output}`)
    assert.deepEqual(await tree.everything(), wanted, `after a cut before command ${cut}`)
    assert.ok(!(await tree.card('node.env')).includes(TOKEN))
    await rm(tree.root, { recursive: true })
    return true
  }

  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  assert.ok(end < COMMANDS_MAX && end > 100, `${end} commands`)
  t.diagnostic(`${end - 1} cuts`)
})
