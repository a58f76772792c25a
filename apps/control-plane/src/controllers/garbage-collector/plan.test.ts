import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { KubeObject } from '@bramble/api/object'
import { type GarbageStep, type OwnerState, planGarbage } from './plan.ts'

/** `a,b` names its owners; `!` is being deleted; `~f` and `~o` have the foreground and the orphan finalizer; `+` blocks its owners. */
function object(text: string, name = 'x'): KubeObject {
  const [, owners, marks] = /^([\w,]*)(.*)$/.exec(text)!
  const finalizers = [...(marks!.includes('~f') ? ['foregroundDeletion'] : []), ...(marks!.includes('~o') ? ['orphan'] : [])]
  return {
    metadata: {
      name,
      uid: `uid-${name}`,
      resourceVersion: '1',
      creationTimestamp: '',
      finalizers,
      ...(marks!.includes('!') && { deletionTimestamp: '2026-01-01T00:00:00Z' }),
      ownerReferences:
        owners === ''
          ? []
          : owners!.split(',').map((owner) => ({
              apiVersion: 'v1',
              kind: 'K',
              name: owner,
              uid: `uid-${owner}`,
              blockOwnerDeletion: marks!.includes('+'),
            })),
    },
  }
}

const cases: { name: string; object: string; owners?: Record<string, OwnerState>; owned?: string[]; step: GarbageStep }[] = [
  { name: 'no owner, no business of ours', object: '', step: { type: 'nothing' } },
  { name: 'an owner that is there keeps it', object: 'a', owners: { a: 'there' }, step: { type: 'nothing' } },
  { name: 'the last owner is gone', object: 'a', owners: { a: 'absent' }, step: { type: 'delete', propagationPolicy: 'Background' } },
  { name: 'one of two owners is gone', object: 'a,b', owners: { a: 'absent', b: 'there' }, step: { type: 'drop-owners', uids: ['uid-a'] } },
  {
    name: 'an owner of an unknown kind keeps it',
    object: 'a,b',
    owners: { a: 'unknown', b: 'absent' },
    step: { type: 'drop-owners', uids: ['uid-b'] },
  },
  { name: 'what is being deleted already is left alone', object: 'a!', owners: { a: 'absent' }, step: { type: 'nothing' } },
  {
    name: 'an owner that waits: its last dependents go at once',
    object: 'a+',
    owners: { a: 'leaving' },
    step: { type: 'delete', propagationPolicy: 'Background' },
  },
  {
    name: 'an owner that waits: what owns others itself waits as well',
    object: 'a+',
    owners: { a: 'leaving' },
    owned: ['x'],
    step: { type: 'delete', propagationPolicy: 'Foreground' },
  },
  {
    name: 'a circle does not wait for itself',
    object: 'a+',
    owners: { a: 'leaving' },
    owned: ['x!~f'],
    step: { type: 'delete', propagationPolicy: 'Background' },
  },
  {
    name: 'an orphan finalizer that was there before counts',
    object: 'a~o',
    owners: { a: 'absent' },
    step: { type: 'delete', propagationPolicy: 'Orphan' },
  },
  { name: 'in the foreground: waits for what blocks it', object: '!~f', owned: ['x+'], step: { type: 'nothing' } },
  { name: 'in the foreground: does not wait for what does not block it', object: '!~f', owned: ['x'], step: { type: 'finish-foreground' } },
  { name: 'in the foreground: nothing left', object: '!~f', step: { type: 'finish-foreground' } },
  { name: 'orphans are let go', object: '!~o', owned: ['x'], step: { type: 'orphan' } },
  { name: 'finalizers of others are theirs', object: '!', owned: ['x+'], step: { type: 'nothing' } },
]
for (const { name, object: text, owners = {}, owned = [], step } of cases)
  test(name, () =>
    assert.deepEqual(
      planGarbage(
        object(text),
        (owner) => owners[owner.name]!,
        owned.map((each, index) => object(each, `owned-${index}`)),
      ),
      step,
    ),
  )
