import { type ObjectKey, mutableCopy } from '@bramble/api/object'
import { isReason } from '@bramble/api/status-error'
import type { CertificateSigningRequest } from '@bramble/api/types/certificates'
import { type Outcome, type Reconciler, SETTLED } from '@bramble/reconcile/reconciler'
import { certificateSigningRequests } from '../../resources/certificates/certificate-signing-request.ts'
import type { ControllerDefinition, ControllerDeps } from '../controller.ts'
import { planSigning } from './plan.ts'

/** Signs approved requests for client certificates, and clears away what is done with. One at a time: signing costs memory. */
export const certificateSigningController: ControllerDefinition = {
  name: 'certificate-signing',
  primary: certificateSigningRequests,
  wakes: [],
  concurrency: 1,
  create: (deps) => new CertificateSigningReconciler(deps),
}

export class CertificateSigningReconciler implements Reconciler<ObjectKey> {
  readonly #deps: ControllerDeps

  constructor(deps: ControllerDeps) {
    this.#deps = deps
  }

  async reconcile(name: ObjectKey): Promise<Outcome> {
    const { client, env, certificates } = this.#deps
    const request = client.get(certificateSigningRequests, name)
    if (!request || request.metadata.deletionTimestamp) return SETTLED
    const nowMs = env.clock.nowMs()
    const plan = planSigning(request, nowMs)
    switch (plan.type) {
      case 'keep':
        return plan.untilMs === undefined ? SETTLED : { againInMs: plan.untilMs - nowMs }
      case 'remove':
        await ifStillThere(client.delete(certificateSigningRequests, name, { uid: request.metadata.uid }))
        return SETTLED
      case 'fail':
        await this.#fail(request, plan.message)
        return SETTLED // our own write wakes us again
      case 'sign':
        if (!certificates) return SETTLED // no authority here: another control plane has it
        await this.#write(request, { certificate: base64(await certificates.certifyRequest(plan.wish)) })
        return SETTLED
    }
  }

  #fail(request: CertificateSigningRequest, message: string): Promise<void> {
    const failed = { type: 'Failed', status: 'True' as const, reason: 'SignerValidationFailure', message }
    return this.#write(request, { conditions: [...(mutableCopy(request.status?.conditions) ?? []), failed] })
  }

  /** On the state that was looked at: if it changed meanwhile, the decision may have. */
  async #write(request: CertificateSigningRequest, status: CertificateSigningRequest['status']): Promise<void> {
    const changed = { ...mutableCopy(request), status: { ...mutableCopy(request.status), ...status } }
    await ifStillThere(this.#deps.client.updateStatus(certificateSigningRequests, changed))
  }
}

const base64 = (text: string): string => Buffer.from(text).toString('base64')

async function ifStillThere(writing: Promise<unknown>): Promise<void> {
  try {
    await writing
  } catch (error) {
    if (!isReason(error, 'NotFound')) throw error
  }
}
