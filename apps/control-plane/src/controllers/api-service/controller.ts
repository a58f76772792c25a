import { timestamp } from '@bramble/api/duration'
import { keyOf, type ObjectKey } from '@bramble/api/object'
import { isReason } from '@bramble/api/status-error'
import { type Outcome, type Reconciler, SETTLED } from '@bramble/reconcile/reconciler'
import { apiServices } from '../../resources/api-service.ts'
import type { ControllerDefinition, ControllerDeps, Kinds } from '../controller.ts'
import { availability, localService, MANAGED_LABEL, serviceName } from './plan.ts'

/** Keeps an APIService for each group and version that is served, and says which of all can be reached. */
export const apiServiceController: ControllerDefinition = {
  name: 'api-service',
  primary: apiServices,
  wakes: [],
  /** Those that are there wake by themselves at the start; those whose kinds have gone are looked for by their label. */
  keysOfKinds: (kinds) => [SWEEP, ...kinds.groupVersions().map(serviceName)],
  concurrency: 1,
  create: (deps) => new ApiServiceReconciler(deps),
}

/** A key that names no object: look for those that nothing is served for. */
const SWEEP = ''

export class ApiServiceReconciler implements Reconciler<ObjectKey> {
  readonly #deps: ControllerDeps

  constructor(deps: ControllerDeps) {
    this.#deps = deps
  }

  async reconcile(key: ObjectKey): Promise<Outcome> {
    if (key === SWEEP) await this.#sweep()
    else await this.#keep(key)
    return SETTLED
  }

  async #keep(name: string): Promise<void> {
    const { client, kinds, env } = this.#deps
    const wanted = wantedService(kinds, name)
    const current = client.get(apiServices, name)
    if (!current) {
      if (wanted) await ignoring('AlreadyExists', client.create(apiServices, wanted))
      return
    }
    if (current.metadata.deletionTimestamp) return
    const isManaged = current.metadata.labels?.[MANAGED_LABEL] !== undefined
    if (wanted && isManaged && differs(current.spec, wanted.spec))
      await ignoring('NotFound', client.patch(apiServices, name, { spec: wanted.spec }))
    const conditions = availability(current, timestamp(env.clock.nowMs()))
    if (conditions !== current.status?.conditions)
      await ignoring('NotFound', client.patch(apiServices, name, { status: { conditions } }, 'status'))
  }

  async #sweep(): Promise<void> {
    const { client, kinds } = this.#deps
    const stale = client
      .list(apiServices)
      .filter(({ metadata }) => metadata.labels?.[MANAGED_LABEL] !== undefined && wantedService(kinds, metadata.name) === undefined)
    for (const service of stale) await ignoring('NotFound', client.delete(apiServices, keyOf(service), { uid: service.metadata.uid }))
  }
}

function wantedService(kinds: Kinds, name: string): ReturnType<typeof localService> {
  const found = kinds.groupVersions().find((each) => serviceName(each) === name)
  return found && localService({ ...found, isCustom: found.resources.every(({ custom }) => custom !== undefined) })
}

const differs = (found: object, wanted: object): boolean =>
  Object.entries(wanted).some(([field, value]) => (found as Record<string, unknown>)[field] !== value)

async function ignoring(reason: 'AlreadyExists' | 'NotFound', write: Promise<unknown>): Promise<void> {
  try {
    await write
  } catch (error) {
    if (!isReason(error, reason)) throw error
  }
}
