import assert from 'node:assert/strict'
import { test } from 'node:test'
import { skewComplaint } from './version-skew.ts'

const near: readonly (readonly [server: string | undefined, agent: string])[] = [
  ['0.3.0', '0.1.9'],
  ['0.3.0', '0.5.0-rc.1'],
  ['0.3.0', '0.3.1'],
  [undefined, '0.1.0'],
  ['0.3.0', 'built by hand'],
]
for (const [server, agent] of near)
  test(`an agent of ${agent} is near enough to a control plane of ${server}`, () => assert.equal(skewComplaint(server, agent), undefined))

const far: readonly (readonly [server: string, agent: string, what: RegExp])[] = [
  ['0.4.0', '0.1.9', /^the agent is 0\.1\.9 and the control plane 0\.4\.0: .* within 2 minor versions; upgrade this node/],
  ['0.1.0', '0.4.0', /; upgrade the control plane/],
  ['1.0.0', '0.9.0', /; upgrade this node/],
]
for (const [server, agent, what] of far)
  test(`an agent of ${agent} is far from a control plane of ${server}`, () => assert.match(skewComplaint(server, agent)!, what))
