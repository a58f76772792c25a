export type PlistValue = string | number | boolean | readonly PlistValue[] | { readonly [key: string]: PlistValue }

const TOKEN = /<(dict|array)\s*(\/?)>|<\/(dict|array)>|<(key|string|integer|real|date|data)\s*(?:\/>|>([^<]*)<\/\4>)|<(true|false)\s*\/>/g

/** What Apple's tools print with -plist. @throws SyntaxError when it does not end or holds nothing. */
export function parsePlist(xml: string): PlistValue {
  const tokens = xml.replace(/<!--[\s\S]*?-->/g, '').matchAll(TOKEN)
  const value = (): PlistValue | undefined => {
    const next = tokens.next()
    if (next.done) throw new SyntaxError('a property list ends too early')
    const [, opens, isEmpty, closes, kind, text = '', truth] = next.value
    if (closes !== undefined) return undefined
    if (opens === 'array') return isEmpty ? [] : [...until(value)]
    if (opens === 'dict') return isEmpty ? {} : pairs([...until(value)])
    if (truth !== undefined) return truth === 'true'
    return kind === 'integer' || kind === 'real' ? Number(text) : unescaped(text)
  }
  const whole = value()
  if (whole === undefined) throw new SyntaxError('a property list holds nothing')
  return whole
}

function* until(value: () => PlistValue | undefined): Generator<PlistValue> {
  for (let each = value(); each !== undefined; each = value()) yield each
}

const pairs = (values: readonly PlistValue[]): { readonly [key: string]: PlistValue } =>
  Object.fromEntries(values.flatMap((key, index) => (index % 2 === 0 ? [[String(key), values[index + 1] ?? '']] : [])))

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }

const unescaped = (text: string): string =>
  text.replace(/&(?:#(\d+)|#x([\da-f]+)|(\w+));/gi, (whole, decimal?: string, hex?: string, name?: string) =>
    name !== undefined
      ? (ENTITIES[name] ?? whole)
      : String.fromCodePoint(decimal !== undefined ? Number(decimal) : Number.parseInt(hex!, 16)),
  )
