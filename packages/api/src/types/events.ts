import type { KubeObject, Timestamp } from '../object.ts'
import type { ObjectReference } from './service.ts'

/** Source: events.k8s.io/v1 Event, another view of core/v1 Event. */
export interface EventV1 extends KubeObject {
  eventTime?: string | null
  series?: { count: number; lastObservedTime: string }
  reportingController?: string
  reportingInstance?: string
  action?: string
  reason?: string
  regarding?: ObjectReference
  related?: ObjectReference
  note?: string
  type?: 'Normal' | 'Warning'
  deprecatedSource?: { component?: string; host?: string }
  deprecatedFirstTimestamp?: Timestamp | null
  deprecatedLastTimestamp?: Timestamp | null
  deprecatedCount?: number
}
