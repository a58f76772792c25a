import type { Http2Bindings, HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'
import type { UserInfo } from '../api/requests.ts'
import type { RequestInfo } from './request-info.ts'
import type { Upgrade } from './upgrade.ts'

/** What every handler finds in its context: Node's own request and response, who asks, and for what. */
export interface HttpEnv {
  /** `upgrade`: the connection is to become something else, e.g. a WebSocket. */
  Bindings: (HttpBindings | Http2Bindings) & { readonly upgrade?: Upgrade }
  Variables: { user: UserInfo; info: RequestInfo; query: URLSearchParams }
}
export type HttpContext = Context<HttpEnv>
