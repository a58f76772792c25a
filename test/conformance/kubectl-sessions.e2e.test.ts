import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { compare, kubectlsForSessions, sessionNames } from './sessions.ts'

// Transcripts of real kubectl: `node bin/node.cjs test/conformance/run.ts --rewrite [SESSION]` renews them, a person reads what changed.

const kubectls = await kubectlsForSessions()
const names = await sessionNames()

describe('what kubectl prints', { concurrency: 2 }, () => {
  for (const name of names)
    for (const kubectl of kubectls)
      it(`${name}, kubectl ${kubectl.version}`, async () => {
        const { expected, actual } = await compare(name, kubectl)
        assert.equal(actual, expected)
      })
})
