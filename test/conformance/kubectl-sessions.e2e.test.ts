import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { Sessions } from './sessions.ts'

// Transcripts of real kubectl: `node bin/node.cjs test/conformance/run.ts --rewrite [SESSION]` renews them, a person reads what changed.

const sessions = await Sessions.open()
after(() => sessions.close())

describe('what kubectl prints', { concurrency: 2 }, () => {
  for (const name of sessions.names)
    for (const kubectl of sessions.kubectls)
      it(`${name}, kubectl ${kubectl.version}`, async () => {
        const { expected, actual } = await sessions.compare(name, kubectl)
        assert.equal(actual, expected)
      })
})
