import assert from 'node:assert/strict'
import { constants } from 'node:os'
import { test } from 'node:test'
import { signalNumber } from './signals.ts'

test('signals have the numbers that the kernel of this machine gives them', () => {
  for (const [name, number] of Object.entries(constants.signals)) if (name !== 'SIGUNUSED') assert.equal(signalNumber(name), number, name)
})

const cases: readonly (readonly [name: string, number: number | undefined])[] = [
  ['SIGRTMIN', 34],
  ['SIGRTMIN+3', 37],
  ['SIGRTMAX-14', 50],
  ['SIGRTMAX', 64],
  ['SIGRTMAX+1', undefined],
  ['SIGNONE', undefined],
]
for (const [name, number] of cases) test(`${name} is ${number}`, () => assert.equal(signalNumber(name), number))
