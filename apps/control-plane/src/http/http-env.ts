import type { Http2Bindings, HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'
import type { UserInfo } from '../api/requests.ts'
import type { RequestInfo } from './request-info.ts'

/** What every handler finds in its context: Node's own request and response, who asks, and for what. */
export interface HttpEnv {
  Bindings: HttpBindings | Http2Bindings
  Variables: { user: UserInfo; info: RequestInfo; query: URLSearchParams }
}
export type HttpContext = Context<HttpEnv>
