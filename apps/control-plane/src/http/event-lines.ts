import type { JsonObject, KubeObject } from '@bramble/api/object'
import { Recent } from '../api/recent.ts'
import type { WatchEvent } from '../api/requests.ts'
import { groupVersionOf, type ResourceDefinition } from '../api/resource.ts'
import { bookmarkTable, type IncludeObject, toPartial, toTable } from '../api/table.ts'
import type { Representation } from './negotiate.ts'

/** Enough for what one turn of the event loop brings; more would only cost memory. */
const EVENTS_MAX = 64

/** How one watch wants its events. */
export interface EventView {
  readonly resource: ResourceDefinition
  readonly shown: Representation
  readonly includeObject: IncludeObject
}

/** Watch events as JSON. An event that many watch in the same form at the same time is encoded once. */
export class EventLines {
  readonly #recent = new Recent<string>(EVENTS_MAX)
  readonly #nowMs: () => number
  #watches = 0

  /** @param nowMs Epoch milliseconds, for the ages in tables. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  /** For one watch: each event as text, without an end of line. Call `close` when it has ended. */
  open(view: EventView): { encode(event: WatchEvent): string; close(): void } {
    const name = nameOf(view)
    let withColumns = true
    this.#watches++
    const encode = (event: WatchEvent): string => {
      const columns = withColumns
      if (event.type !== 'BOOKMARK' && event.type !== 'ERROR') withColumns = false
      if (this.#watches < 2 || event.type === 'ERROR') return text(event, view, this.#nowMs(), columns)
      return this.#recent.get(event.object, `${event.type} ${name(this.#nowMs(), columns)}`, () =>
        text(event, view, this.#nowMs(), columns),
      )
    }
    return { encode, close: () => this.#close() }
  }

  #close(): void {
    if (--this.#watches < 2) this.#recent.clear()
  }
}

/** Same name, same text: ages in tables are right to the second. */
function nameOf({ resource, shown, includeObject }: EventView): (nowMs: number, columns: boolean) => string {
  const name = `${groupVersionOf(resource)}/${resource.plural} ${shown.as} ${shown.version}`
  if (shown.as !== 'table') return () => name
  return (nowMs, columns) => `${name} ${includeObject} ${columns} ${Math.floor(nowMs / 1000)}`
}

const text = ({ type, object }: WatchEvent, view: EventView, nowMs: number, columns: boolean): string =>
  JSON.stringify({ type, object: type === 'ERROR' ? object : show(object as KubeObject, type, view, nowMs, columns) })

/** Of a table only the first event has columns. */
function show(
  object: KubeObject,
  type: WatchEvent['type'],
  { resource, shown, includeObject }: EventView,
  nowMs: number,
  withColumns: boolean,
): JsonObject {
  if (shown.as === 'metadata') return toPartial(object, shown.version)
  if (shown.as === 'object') return object as unknown as JsonObject
  if (type === 'BOOKMARK') return bookmarkTable(object, shown.version)
  const metadata = { resourceVersion: object.metadata.resourceVersion }
  return toTable(resource, [object], metadata, { includeObject, version: shown.version, nowMs, withColumns })
}
