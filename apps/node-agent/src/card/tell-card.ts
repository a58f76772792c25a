import type { Clock } from '@bramble/reconcile/env'
import type { CardStatus } from './card-status.ts'

const LOOK_MS = 2_000

export interface TellCardParts {
  readonly card: Pick<CardStatus, 'problems' | 'tell'>
  readonly nodeName: string
  readonly clock: Clock
  /** In contact with the control plane, and pods can run. */
  readonly isReady: () => boolean
  /** An Event of the node. */
  readonly warn: (reason: string, message: string) => void
}

/**
 * Waits until the node is Ready for the first time after a start, says so on the card, and tells the control plane what had gone wrong
 * while nobody could be reached. Looks, until then, every two seconds; returns when it is done or `signal` aborts.
 */
export async function tellCard({ card, nodeName, clock, isReady, warn }: TellCardParts, signal: AbortSignal): Promise<void> {
  while (!isReady()) {
    await clock.sleep(LOOK_MS, signal)
    if (signal.aborted) return
  }
  for (const problem of await card.problems()) warn('FirstBootProblem', `before this node was Ready: ${problem}`)
  await card.tell('ready', `this is node ${nodeName}`)
}
