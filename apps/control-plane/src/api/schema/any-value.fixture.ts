import type { JsonValue } from '@bramble/api/object'
import { resolve } from './definitions.ts'
import type { ObjectSchema } from './object-schema.ts'

const DEPTH_MAX = 9
const WORDS = [
  '',
  'a',
  'web',
  'Always',
  'ClusterIP',
  'NodePort',
  'ExternalName',
  'LoadBalancer',
  'RollingUpdate',
  'TCP',
  '10.43.0.7',
  'None',
  '25%',
  'Exists',
  'In',
  '../x',
  'A B',
]

/** A value that a schema accepts, with some of its fields; the same for the same chances. */
export function anyValue(schema: ObjectSchema, random: () => number, depth = 0): JsonValue {
  const of = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)]!
  const shape = resolve(schema)
  switch (shape.type) {
    case 'object': {
      const share = depth === 0 ? 1 : depth > DEPTH_MAX ? 0 : 0.35
      const fields = Object.entries(shape.properties).filter(
        ([name]) => random() < (['spec', 'template', 'containers', 'ports'].includes(name) ? share * 2.5 : share),
      )
      return Object.fromEntries(fields.map(([name, inner]) => [name, anyValue(inner, random, depth + 1)]))
    }
    case 'map':
      return Object.fromEntries(
        Array.from({ length: Math.floor(random() * 3) }, () => [of(WORDS), anyValue(shape.values, random, depth + 1)]),
      )
    case 'array':
      return Array.from({ length: depth > DEPTH_MAX ? 0 : Math.floor(random() * 3) }, () => anyValue(shape.items, random, depth + 1))
    case 'string':
      if (shape.format === undefined) return of(WORDS)
      return { byte: 'eA==', 'date-time': '2026-01-01T00:00:00Z', 'micro-time': '2026-01-01T00:00:00.000000Z' }[shape.format]
    case 'integer':
      return of([-1, 0, 1, 80, 30080, 70000])
    case 'number':
      return random()
    case 'boolean':
      return random() < 0.5
    case 'quantity':
      return of(['0', '1', '500m', '64Mi', '-1'])
    case 'int-or-string':
      return of([0, 1, 80, 'http', '25%', '300%'])
    case 'any':
      return of<JsonValue>([{}, 'x', 1])
  }
}
