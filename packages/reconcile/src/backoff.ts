/**
 * Delay before try number `failures` + 1: doubles from `minMs` to `maxMs`, less up to a quarter at random,
 * so that a thousand nodes that lost one server do not come back in one instant.
 *
 * @param failures How often it failed in a row, from 1.
 */
export function backoffMs(failures: number, minMs: number, maxMs: number, random: () => number): number {
  const fullMs = Math.min(minMs * 2 ** Math.min(failures - 1, 30), maxMs)
  return fullMs * (1 - random() / 4)
}
