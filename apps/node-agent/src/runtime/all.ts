import type { Clock } from '@bramble/reconcile/env'
import { FakeRuntime } from './fake/fake-runtime.ts'
import type { Runtime } from './runtime.ts'

export interface RuntimeParts {
  readonly clock: Clock
}

/** Every runtime that an agent can use, by the name in its configuration. */
export const RUNTIMES: Readonly<Record<string, (parts: RuntimeParts) => Runtime>> = {
  /** Runs nothing: for trying the cluster out and for hollow nodes. */
  fake: ({ clock }) => new FakeRuntime({ clock }),
}
