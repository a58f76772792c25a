// Versions of Bramble: `0.2.0`, `0.2.0-rc.1`. Source: semver.org 2.0.0, without build metadata, which would be nobody's to order.

const VERSION = /^(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?$/
const LENGTH_MAX = 48

/** What a version must look like, for messages. */
export const VERSION_RULE = 'must be a version such as 0.2.0 or 0.2.0-rc.1'

/** Whether this is a version. One is also a safe file name. */
export const isVersion = (text: string): boolean => text.length <= LENGTH_MAX && VERSION.test(text)

/** Below 0 when `a` is older, above when it is newer. What is no version is older than all that are. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [partsOf(a), partsOf(b)]
  if (!left || !right) return Number(left !== undefined) - Number(right !== undefined)
  for (const [index, number] of left.numbers.entries()) if (number !== right.numbers[index]) return number - right.numbers[index]!
  return comparePreReleases(left.preRelease, right.preRelease)
}

/** Control plane and agents understand each other within so many minor versions, either way. */
export const SKEW_MINORS_MAX = 2

/**
 * How many minor versions `a` is ahead of `b`; negative when it is behind. Another major version is as far as can be.
 * @returns undefined when one of them is no version.
 */
export function minorsBetween(a: string, b: string): number | undefined {
  const [left, right] = [partsOf(a), partsOf(b)]
  if (!left || !right) return undefined
  if (left.numbers[0] !== right.numbers[0]) return left.numbers[0]! > right.numbers[0]! ? Infinity : -Infinity
  return left.numbers[1]! - right.numbers[1]!
}

function partsOf(version: string): { readonly numbers: readonly number[]; readonly preRelease: string | undefined } | undefined {
  const match = isVersion(version) ? VERSION.exec(version) : null
  return match ? { numbers: match.slice(1, 4).map(Number), preRelease: match[4] } : undefined
}

function comparePreReleases(a: string | undefined, b: string | undefined): number {
  if (a === undefined || b === undefined) return Number(a === undefined) - Number(b === undefined)
  const [left, right] = [a.split('.'), b.split('.')]
  for (const [index, part] of left.entries()) {
    const other = right[index]
    if (other === undefined) return 1
    if (part !== other) return compareIdentifiers(part, other)
  }
  return left.length - right.length
}

const isNumeric = (identifier: string): boolean => /^\d+$/.test(identifier)

/** Numbers come before words. */
function compareIdentifiers(a: string, b: string): number {
  if (isNumeric(a) !== isNumeric(b)) return isNumeric(a) ? -1 : 1
  if (isNumeric(a)) return Number(a) - Number(b)
  return a < b ? -1 : 1
}
