import { createHash } from 'node:crypto'
import { isNodeName, NODE_NAME_RULE, parseTaint } from '@bramble/api/node-words'
import type { Taint } from '@bramble/api/types/node'
import type { EnrolRequest } from '@bramble/link/grpc/stream'
import { parseCertificateRequest } from '../resources/certificates/certificate-request.ts'
import { EnrolmentRefused } from './enrolment-refused.ts'
import type { Claim } from './plan.ts'

const TEXT_MAX = 128
const TAINTS_MAX = 32

/** A device that wants to join, with what it says of itself: shown and compared, never believed. */
export interface Joiner extends Claim {
  readonly model: string
  /** Of a node that is not known yet. */
  readonly taints: readonly Taint[]
  /** Where the request came from. */
  readonly address: string | undefined
  /** PKCS #10, DER. */
  readonly csr: Uint8Array
}

/**
 * Reads a request to enrol. What it says of the machine and makes no sense counts as not said.
 * @throws EnrolmentRefused when the name, a taint or the certificate request is no good.
 */
export function readJoiner({ nodeName, csr, device: facts, taints }: Partial<EnrolRequest>, address: string | undefined): Joiner {
  if (nodeName === undefined || !isNodeName(nodeName))
    throw new EnrolmentRefused('invalid', `node name ${JSON.stringify((nodeName ?? '').slice(0, 100))} ${NODE_NAME_RULE} (--node-name)`)
  const serial = (facts?.serial ?? '').toLowerCase()
  const machine = (facts?.machineId ?? '').toLowerCase()
  return {
    nodeName,
    device: fingerprintOf(csr ?? new Uint8Array()),
    serial: /^(?=.*[1-9a-f])[0-9a-f]{8,32}$/.test(serial) ? serial : '',
    machine: /^[0-9a-f]{32}$/.test(machine) ? machine : '',
    model: (facts?.model ?? '').replace(/[^\x20-\x7e]/g, '').slice(0, TEXT_MAX),
    taints: readTaints(taints ?? []),
    address,
    csr: csr ?? new Uint8Array(),
  }
}

function readTaints(texts: readonly string[]): readonly Taint[] {
  try {
    return texts.slice(0, TAINTS_MAX).map(parseTaint)
  } catch (error) {
    throw new EnrolmentRefused('invalid', (error as Error).message.slice(0, 300))
  }
}

function fingerprintOf(csr: Uint8Array): string {
  const pem = `-----BEGIN CERTIFICATE REQUEST-----\n${Buffer.from(csr).toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`
  try {
    const { publicKey } = parseCertificateRequest(Buffer.from(pem).toString('base64'))
    return createHash('sha256')
      .update(publicKey.export({ type: 'spki', format: 'der' }))
      .digest('hex')
  } catch (error) {
    throw new EnrolmentRefused('invalid', 'the certificate request is malformed or its signature is wrong', { cause: error })
  }
}
