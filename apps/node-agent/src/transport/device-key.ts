import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { Worker } from 'node:worker_threads'

const LIMIT_MS = 60_000
/** Beside this file, or beside the bundle that it is part of. */
const WORKER = import.meta.url.endsWith('.ts') ? './csr-worker.ts' : './csr-worker.js'

/** A new device key: EC P-256, PEM (PKCS #8). It is the node's identity and never leaves it. */
export const newDeviceKey = (): string =>
  generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  }).privateKey

/** A PKCS #10 request, DER, signed by the key; it proves possession and asks for nothing else. */
export function certificateRequest(keyPem: string): Promise<Uint8Array> {
  const privateKey: KeyObject = createPrivateKey(keyPem)
  const workerData = {
    privateKeyDer: Uint8Array.from(privateKey.export({ type: 'pkcs8', format: 'der' })),
    publicKeyDer: Uint8Array.from(createPublicKey(privateKey).export({ type: 'spki', format: 'der' })),
  }
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(WORKER, import.meta.url), { workerData })
    const limit = AbortSignal.timeout(LIMIT_MS)
    limit.addEventListener(
      'abort',
      () => {
        void worker.terminate()
        reject(new Error(`making a certificate request took more than ${LIMIT_MS / 1000} s`))
      },
      { once: true },
    )
    worker.once('message', (der: Uint8Array) => {
      resolve(der)
      void worker.terminate()
    })
    worker.once('error', reject)
  })
}
