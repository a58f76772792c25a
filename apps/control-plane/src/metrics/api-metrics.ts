import type { Family } from '@bramble/reconcile/metrics/family'
import { Count, Histogram } from '@bramble/reconcile/metrics/instruments'

/** What a request was about, in words of which there is a bounded number. */
export interface RequestLabels {
  /** `GET`, `LIST`, `WATCH`, `POST`, `PUT`, `PATCH`, `APPLY`, `DELETE`, `DELETECOLLECTION`, `CONNECT`; of a path its method. */
  readonly verb: string
  /** '' where the path names no kind that there is. */
  readonly group: string
  readonly version: string
  readonly resource: string
  readonly subresource: string
  readonly scope: 'cluster' | 'namespace' | 'resource' | ''
  /** `All` or ''. */
  readonly dryRun: string
}

// Source: apiserver pkg/endpoints/metrics. Names and labels are those that dashboards and alerts know.
const OF_REQUEST = ['component', 'dry_run', 'group', 'resource', 'scope', 'subresource', 'verb', 'version'] as const
const LONG_RUNNING = ['component', 'group', 'resource', 'scope', 'subresource', 'verb', 'version'] as const
/** Of Kubernetes' own, those that alerts ask for and some between. */
const SECONDS = [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.5, 2, 3, 5, 10, 15, 30, 60]
const COMPONENT = 'apiserver'

/** Counts requests and watches. What a request costs here is a few lookups; text is made when somebody asks. */
export class ApiMetrics {
  readonly #requests = new Count('counter', {
    name: 'apiserver_request_total',
    help: 'Requests by verb, kind and HTTP code.',
    labels: ['code', ...OF_REQUEST],
  })
  readonly #seconds = new Histogram(
    {
      name: 'apiserver_request_duration_seconds',
      help: 'Time until the answer to a request was made; watches and other streams are left out.',
      labels: OF_REQUEST,
    },
    SECONDS,
  )
  readonly #longRunning = new Count('gauge', {
    name: 'apiserver_longrunning_requests',
    help: 'Watches, logs and other streams that are open.',
    labels: LONG_RUNNING,
  })
  readonly #watchEvents = new Count('counter', {
    name: 'apiserver_watch_events_total',
    help: 'Events sent in watches.',
    labels: ['group', 'resource', 'version'],
  })
  readonly #expiredWatches = new Count('counter', {
    name: 'apiserver_terminated_watchers_total',
    help: 'Watches ended because they were too far behind.',
    labels: ['group', 'resource'],
  })
  #mutating = 0
  #reading = 0

  /** @returns Call it when the answer is made. */
  begin(method: string): () => void {
    const isReading = method === 'GET' || method === 'HEAD'
    if (isReading) this.#reading++
    else this.#mutating++
    return () => {
      if (isReading) this.#reading--
      else this.#mutating--
    }
  }

  /** @param seconds Undefined for a stream: how long it lasts says nothing about us. */
  answered(labels: RequestLabels, code: number, seconds: number | undefined): void {
    const { dryRun, group, resource, scope, subresource, verb, version } = labels
    const values = [COMPONENT, dryRun, group, resource, scope, subresource, verb, version]
    this.#requests.add([String(code), ...values])
    if (seconds !== undefined) this.#seconds.observe(values, seconds)
  }

  /** A watch, a log or another stream begins. @returns Call it when it has ended. */
  opened({ group, resource, scope, subresource, verb, version }: RequestLabels): () => void {
    const values = [COMPONENT, group, resource, scope, subresource, verb, version]
    this.#longRunning.add(values)
    return () => this.#longRunning.add(values, -1)
  }

  watchEvents({ group, resource, version }: RequestLabels, count: number): void {
    this.#watchEvents.add([group, resource, version], count)
  }

  watchExpired({ group, resource }: RequestLabels): void {
    this.#expiredWatches.add([group, resource])
  }

  families(): readonly Family[] {
    return [
      this.#requests.family(),
      this.#seconds.family(),
      this.#seconds.family('apiserver_request_sli_duration_seconds'),
      {
        name: 'apiserver_current_inflight_requests',
        help: 'Requests that are being answered.',
        type: 'gauge',
        samples: [
          { labels: { request_kind: 'mutating' }, value: this.#mutating },
          { labels: { request_kind: 'readOnly' }, value: this.#reading },
        ],
      },
      this.#longRunning.family(),
      this.#watchEvents.family(),
      this.#expiredWatches.family(),
    ]
  }
}
