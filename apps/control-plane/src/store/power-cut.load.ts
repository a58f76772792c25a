import { writeSync } from 'node:fs'
import type { KubeObject } from '@bramble/api/object'
import { systemEnv } from '@bramble/reconcile/env'
import { SqliteBackend } from './backend/sqlite.ts'
import { openStore, type Store } from './store.ts'

// The victim of power-cut.test.ts: writes for ever, and says each commit on its standard output once it was acknowledged.

export const LANES = 4
export const leftKey = (lane: number): string => `/core/pods/lane-${lane}/left`
export const rightKey = (lane: number): string => `/core/pods/lane-${lane}/right`
export const stepKey = (lane: number, step: number): string => `/core/pods/lane-${lane}/step-${step}`
export const stepOf = (store: Store, key: string): number => Number(store.get(key)?.value.metadata.labels?.['step'] ?? 0)

/** Each commit changes two objects, creates a third and deletes the one that the commit before created. */
async function writeLane(store: Store, lane: number): Promise<never> {
  for (let step = stepOf(store, leftKey(lane)) + 1; ; step++) {
    const last = store.get(stepKey(lane, step - 1))
    await store.commit([
      ...[leftKey(lane), rightKey(lane)].map(
        (key) => ({ op: 'put', key, value: marked(step), expect: store.get(key)?.modified ?? 'absent' }) as const,
      ),
      { op: 'put', key: stepKey(lane, step), value: marked(step), expect: 'absent' },
      ...(last ? [{ op: 'delete', key: last.key, expect: last.modified } as const] : []),
    ])
    writeSync(1, `${lane} ${step}\n`)
  }
}

const marked = (step: number): KubeObject => ({
  metadata: {
    name: 'x',
    uid: 'u',
    resourceVersion: '',
    creationTimestamp: '2026-01-01T00:00:00Z',
    labels: { step: String(step) },
    annotations: { filler: 'x'.repeat((step * 97) % 4000) },
  },
})

if (import.meta.main) {
  const env = systemEnv('power-cut', 'error')
  const store = await openStore(new SqliteBackend({ path: process.argv[2]!, env }), { volatile: () => false, env })
  await Promise.all(Array.from({ length: LANES }, (_, lane) => writeLane(store, lane)))
}
