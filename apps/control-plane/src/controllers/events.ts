import type { KubeObject } from '@bramble/api/object'

/** Tells people what happened to an object: `kubectl describe`, `kubectl events`. Never throws, never waits. */
export interface EventRecorder {
  /** Repeats of the same event raise its count. @param reason UpperCamelCase; @param message for a person. */
  record(about: KubeObject, type: 'Normal' | 'Warning', reason: string, message: string): void
}

/** Who records Events for several components. */
export interface EventSource {
  /** @param component Who says it, e.g. `deployment-controller`: `kubectl describe` shows it under From. */
  as(component: string): EventRecorder
}
