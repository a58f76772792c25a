import { StatusError } from '@bramble/api/status-error'

/** One entry of an Accept header. */
export interface MediaRange {
  /** Lower case, e.g. `application/json`. */
  readonly type: string
  readonly parameters: Readonly<Record<string, string>>
}

/** How a client wants objects shown. */
export interface Representation {
  readonly format: 'json' | 'yaml'
  readonly as: 'object' | 'table' | 'metadata'
  /** Version of meta.k8s.io for tables and metadata. */
  readonly version: 'v1' | 'v1beta1'
  /** Of metadata: whether that of a list was asked for. */
  readonly ofList?: boolean
}

/**
 * The ranges of an Accept header, most wanted first; ranges with q=0 are left out. No header accepts anything.
 *
 * @see Source: RFC 9110 12.5.1.
 */
export function parseAccept(header: string | undefined): readonly MediaRange[] {
  if (header === undefined || header.trim() === '') return [{ type: '*/*', parameters: {} }]
  return header
    .slice(0, HEADER_CHARACTERS_MAX)
    .split(',')
    .map(parseRange)
    .filter(({ range, quality }) => quality > 0 && range.type !== '')
    .sort((a, b) => b.quality - a.quality)
    .map(({ range }) => range)
}
const HEADER_CHARACTERS_MAX = 8192

function parseRange(text: string): { range: MediaRange; quality: number } {
  const [type, ...rest] = text.split(';')
  const parameters: Record<string, string> = {}
  for (const parameter of rest) {
    const [name, value = ''] = parameter.split('=', 2)
    parameters[name!.trim().toLowerCase()] = value.trim().replace(/^"(.*)"$/, '$1')
  }
  const { q, ...others } = parameters
  const quality = q === undefined ? 1 : Number(q)
  return { range: { type: type!.trim().toLowerCase(), parameters: others }, quality: Number.isFinite(quality) ? quality : 0 }
}

/**
 * How to answer with an object, a list or watch events.
 *
 * @throws StatusError 406 when the client takes nothing that we have. Protobuf is not among it; every client that
 *   prefers it lists JSON as well.
 * @see Source: apiserver pkg/endpoints/handlers/negotiation; a known type in an unknown shape is refused in other words.
 */
export function negotiateObject(accept: string | undefined): Representation {
  let isTypeKnown = false
  for (const range of parseAccept(accept)) {
    const format = formatOf(range.type)
    const shape = shapeOf(range.parameters)
    if (format && shape) return { format, ...shape }
    isTypeKnown ||= format !== undefined
  }
  if (!isTypeKnown) throw notAcceptable(OBJECT_TYPES)
  throw new StatusError(406, 'NotAcceptable', `only the following media types are accepted: ${OBJECT_TYPES.join(', ')}`)
}
const OBJECT_TYPES = ['application/json', 'application/yaml']

/** The first of `offered` that the client takes, by type alone. @throws StatusError 406 */
export function negotiateType<T extends string>(accept: string | undefined, offered: readonly T[]): T {
  for (const { type } of parseAccept(accept)) {
    const found = offered.find((one) => type === one || type === '*/*' || type === `${one.split('/')[0]}/*`)
    if (found !== undefined) return found
  }
  throw notAcceptable(offered)
}

export const notAcceptable = (offered: readonly string[]): StatusError =>
  new StatusError(406, 'NotAcceptable', `406: Not Acceptable\n\nAvailable representations: ${offered.join(', ')}`, {})

function formatOf(type: string): Representation['format'] | undefined {
  if (type === 'application/json' || type === '*/*' || type === 'application/*') return 'json'
  return type === 'application/yaml' ? 'yaml' : undefined
}

function shapeOf({ as, g, v }: Readonly<Record<string, string>>): Omit<Representation, 'format'> | undefined {
  if (!as) return { as: 'object', version: 'v1' }
  if (g !== 'meta.k8s.io' || (v !== 'v1' && v !== 'v1beta1')) return undefined
  if (as === 'Table') return { as: 'table', version: v }
  if (as === 'PartialObjectMetadata') return { as: 'metadata', version: v, ofList: false }
  return as === 'PartialObjectMetadataList' ? { as: 'metadata', version: v, ofList: true } : undefined
}
