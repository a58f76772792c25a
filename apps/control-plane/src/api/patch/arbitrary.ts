import type { JsonObject, JsonValue } from '@bramble/api/object'

// Arbitrary JSON for properties; few names, so that target and patch meet.

const NAMES = ['a', 'b', 'c', 'd']

export function aJsonObject(random: () => number, withNulls = false, depth = 3): JsonObject {
  const names = NAMES.filter(() => random() < 0.6)
  return Object.fromEntries(names.map((name) => [name, aJsonValue(random, withNulls, depth - 1)]))
}

function aJsonValue(random: () => number, withNulls: boolean, depth: number): JsonValue {
  const pick = Math.floor(random() * (depth > 0 ? 6 : 4))
  switch (pick) {
    case 0:
      return Math.floor(random() * 3)
    case 1:
      return NAMES[Math.floor(random() * NAMES.length)]!
    case 2:
      return withNulls ? null : true
    case 3:
      return false
    case 4:
      return Array.from({ length: Math.floor(random() * 3) }, () => aJsonValue(random, false, depth - 1))
    default:
      return aJsonObject(random, withNulls, depth)
  }
}
