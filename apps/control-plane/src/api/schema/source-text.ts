/** What the text of a body says and the objects read from it do not show. */
export interface SourceText {
  /** Keys of this object in their order, repeated ones too. Absent: as in the object. */
  readonly keys?: readonly string[]
  /** Numbers that print differently than they were written (`1e3`, `1.0`), by key or index. */
  readonly numbers?: ReadonlyMap<string, string>
  /** Of a whole body: what is wrong with it although it can be read, besides repeated keys that `keys` tell. */
  readonly problems?: readonly string[]
}

const SOURCE = Symbol('source')

/** Notes it on an object or list just read. Copies do not have it. */
export function noteSource(value: object, text: SourceText): void {
  Object.defineProperty(value, SOURCE, { value: { ...sourceOf(value), ...text }, configurable: true })
}

export const sourceOf = (value: object): SourceText | undefined => (value as { [SOURCE]?: SourceText })[SOURCE]
