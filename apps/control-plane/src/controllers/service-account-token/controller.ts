import { keyOf, type ObjectKey, objectKey } from '@bramble/api/object'
import { isReason } from '@bramble/api/status-error'
import type { Secret } from '@bramble/api/types/core'
import { type Outcome, type Reconciler, SETTLED } from '@bramble/reconcile/reconciler'
import { secrets } from '../../resources/secret.ts'
import { serviceAccounts } from '../../resources/service-account.ts'
import { type ControllerDefinition, type ControllerDeps, wake } from '../controller.ts'
import { ACCOUNT_NAME, planToken, TOKEN_SECRET } from './plan.ts'

/** Fills Secrets of type `kubernetes.io/service-account-token`, and takes them away with their ServiceAccount. */
export const serviceAccountTokenController: ControllerDefinition = {
  name: 'service-account-token',
  primary: secrets,
  wakes: [
    wake(serviceAccounts, ({ object: { metadata } }, client) =>
      client
        .list(secrets, { namespace: metadata.namespace!, fields: [{ path: 'type', operator: '=', value: TOKEN_SECRET }] })
        .filter((secret) => accountName(secret) === metadata.name)
        .map(keyOf),
    ),
  ],
  concurrency: 1,
  create: (deps) => new ServiceAccountTokenReconciler(deps),
}

export class ServiceAccountTokenReconciler implements Reconciler<ObjectKey> {
  readonly #deps: ControllerDeps

  constructor(deps: ControllerDeps) {
    this.#deps = deps
  }

  async reconcile(key: ObjectKey): Promise<Outcome> {
    const { client, settings, tokens } = this.#deps
    const secret = client.get(secrets, key)
    if (secret?.type !== TOKEN_SECRET) return SETTLED
    const account = client.get(serviceAccounts, objectKey(secret.metadata.namespace, accountName(secret)))
    const { remove, patch, needsToken } = planToken(secret, account, settings.certificateAuthority)
    const { uid, resourceVersion } = secret.metadata
    try {
      if (remove) await client.delete(secrets, key, { uid, resourceVersion })
      if (!patch) return SETTLED
      const token = needsToken && tokens ? await tokens.issueForSecret(account!, secret.metadata.name) : undefined
      const data = { ...patch.data, ...(token !== undefined && { token: Buffer.from(token).toString('base64') }) }
      await client.patch(secrets, key, { metadata: { ...patch.metadata, uid, resourceVersion }, data })
    } catch (error) {
      if (!isReason(error, 'NotFound', 'Conflict')) throw error // it has changed: its event wakes us
    }
    return SETTLED
  }
}

const accountName = ({ metadata }: Secret): string => metadata.annotations?.[ACCOUNT_NAME] ?? ''
