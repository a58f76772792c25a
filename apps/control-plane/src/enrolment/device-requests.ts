import { conditionOf } from '@bramble/api/conditions'
import { mutableCopy } from '@bramble/api/object'
import { isReason } from '@bramble/api/status-error'
import type { CertificateSigningRequest } from '@bramble/api/types/certificates'
import {
  DEVICE_KEY,
  DEVICE_MACHINE,
  DEVICE_MODEL,
  DEVICE_SERIAL,
  ENROLMENT_SIGNER,
  REQUEST_ADDRESS,
  REQUEST_TOKEN,
} from '@bramble/api/types/node-identity'
import type { ApiClient } from '../api/client.ts'
import { certificateSigningRequests } from '../resources/certificates/certificate-signing-request.ts'
import type { Joiner } from './joiner.ts'

/** Requests of devices that an operator must decide on, each a CertificateSigningRequest named after the node. */
export class DeviceRequests {
  readonly #client: ApiClient

  constructor(client: ApiClient) {
    this.#client = client
  }

  /** What an operator said to this device; another device's answer is not its own. */
  decision({ nodeName, device }: Joiner): 'approved' | 'denied' | undefined {
    const request = this.#client.get(certificateSigningRequests, nodeName)
    if (!request || !isFrom(request, device)) return undefined
    if (conditionOf(request.status?.conditions, 'Denied')) return 'denied'
    return conditionOf(request.status?.conditions, 'Approved') ? 'approved' : undefined
  }

  /** Whether operators see it already. */
  isShown({ nodeName, device }: Joiner): boolean {
    const request = this.#client.get(certificateSigningRequests, nodeName)
    return request !== undefined && isFrom(request, device)
  }

  /**
   * Shows what the device asks for. It takes the place of an older device's request, which nobody waits for any more.
   * @returns why it cannot be shown; undefined when it is.
   */
  async show(joiner: Joiner, tokenId: string): Promise<string | undefined> {
    const { nodeName, device } = joiner
    const request = this.#client.get(certificateSigningRequests, nodeName)
    if (request && request.spec.signerName !== ENROLMENT_SIGNER)
      return `a CertificateSigningRequest "${nodeName}" of another signer is in the way: kubectl delete csr ${nodeName}`
    if (request && isFrom(request, device)) return undefined
    try {
      if (request) await this.#client.delete(certificateSigningRequests, nodeName, { uid: request.metadata.uid })
      await this.#client.create<CertificateSigningRequest>(certificateSigningRequests, requestOf(joiner, tokenId))
    } catch (error) {
      if (!isReason(error, 'NotFound', 'Conflict', 'AlreadyExists')) throw error // the device asks again soon
    }
    return undefined
  }

  /** The device has what it asked for: `kubectl get csr` says so, and it is cleared away like all others. @param certificate PEM. */
  async answered({ nodeName, device }: Joiner, certificate: string): Promise<void> {
    const request = this.#client.get(certificateSigningRequests, nodeName)
    if (!request || !isFrom(request, device) || !conditionOf(request.status?.conditions, 'Approved')) return
    const issued = { ...mutableCopy(request.status), certificate: Buffer.from(certificate).toString('base64') }
    try {
      await this.#client.updateStatus(certificateSigningRequests, { ...mutableCopy(request), status: issued })
    } catch (error) {
      if (!isReason(error, 'NotFound', 'Conflict')) throw error // the certificate is out; this is for show
    }
  }
}

const isFrom = ({ spec, metadata }: CertificateSigningRequest, device: string): boolean =>
  spec.signerName === ENROLMENT_SIGNER && metadata.annotations?.[DEVICE_KEY] === device

function requestOf({ nodeName, device, serial, machine, model, address, csr }: Joiner, tokenId: string) {
  const facts = {
    [DEVICE_KEY]: device,
    [DEVICE_SERIAL]: serial,
    [DEVICE_MACHINE]: machine,
    [DEVICE_MODEL]: model,
    [REQUEST_ADDRESS]: address ?? '',
    [REQUEST_TOKEN]: tokenId,
  }
  const body = Buffer.from(csr).toString('base64').replace(/.{64}/g, '$&\n')
  const pem = `-----BEGIN CERTIFICATE REQUEST-----\n${body}\n-----END CERTIFICATE REQUEST-----\n`
  return {
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { name: nodeName, annotations: Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== '')) },
    spec: { request: Buffer.from(pem).toString('base64'), signerName: ENROLMENT_SIGNER, usages: ['client auth'] },
  }
}
