import type { ObjectKey } from '@bramble/api/object'
import { isReason } from '@bramble/api/status-error'
import { type Outcome, type Reconciler, SETTLED } from '@bramble/reconcile/reconciler'
import { configMaps } from '../../resources/config-map.ts'
import { namespaces } from '../../resources/namespace.ts'
import { serviceAccounts } from '../../resources/service-account.ts'
import { type ControllerDefinition, type ControllerDeps, wake } from '../controller.ts'
import { DEFAULT_ACCOUNT, planAccount, ROOT_CA } from './plan.ts'

/** Gives each namespace its `default` ServiceAccount and the ConfigMap with the cluster's authority. */
export const serviceAccountController: ControllerDefinition = {
  name: 'service-account',
  primary: namespaces,
  wakes: [
    wake(serviceAccounts, ({ object: { metadata } }) => (metadata.name === DEFAULT_ACCOUNT ? [metadata.namespace!] : [])),
    wake(configMaps, ({ object: { metadata } }) => (metadata.name === ROOT_CA ? [metadata.namespace!] : [])),
  ],
  concurrency: 2,
  create: (deps) => new ServiceAccountReconciler(deps),
}

export class ServiceAccountReconciler implements Reconciler<ObjectKey> {
  readonly #deps: ControllerDeps

  constructor(deps: ControllerDeps) {
    this.#deps = deps
  }

  async reconcile(name: ObjectKey): Promise<Outcome> {
    const { client, settings } = this.#deps
    const namespace = client.get(namespaces, name)
    if (!namespace) return SETTLED
    const account = client.get(serviceAccounts, `${name}/${DEFAULT_ACCOUNT}`)
    const rootCa = client.get(configMaps, `${name}/${ROOT_CA}`)
    const plan = planAccount(namespace, account, rootCa, settings.certificateAuthority)
    if (plan.account) await ignoringExisting(client.create(serviceAccounts, plan.account))
    if (plan.createRootCa) await ignoringExisting(client.create(configMaps, plan.createRootCa))
    if (plan.updateRootCa) await client.update(configMaps, plan.updateRootCa)
    return SETTLED
  }
}

/** Somebody was faster: their event wakes us. */
async function ignoringExisting(creation: Promise<unknown>): Promise<void> {
  try {
    await creation
  } catch (error) {
    if (!isReason(error, 'AlreadyExists')) throw error
  }
}
