import type { Clock, Log } from '@bramble/reconcile/env'
import type { PodNetwork } from '../network/pod-network/pod-network.ts'
import { FakeRuntime } from './fake/fake-runtime.ts'
import { PodmanRuntime } from './podman/podman-runtime.ts'
import type { Runtime } from './runtime.ts'

export interface RuntimeParts {
  readonly clock: Clock
  readonly log: Log
  readonly network: PodNetwork
}

/** Every runtime that an agent can use, by the name in its configuration. */
export const RUNTIMES: Readonly<Record<string, (parts: RuntimeParts) => Runtime>> = {
  podman: (parts) => new PodmanRuntime(parts),
  /** Runs nothing: for trying the cluster out and for hollow nodes. */
  fake: ({ clock }) => new FakeRuntime({ clock }),
}
