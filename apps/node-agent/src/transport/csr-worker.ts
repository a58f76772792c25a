import 'reflect-metadata'
import * as x509 from '@peculiar/x509'
import { parentPort, workerData } from 'node:worker_threads'

// Runs in a worker thread that ends after one request: the X.509 library costs 30 MB of memory while it is loaded.

const EC = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }

async function request({
  privateKeyDer,
  publicKeyDer,
}: {
  privateKeyDer: Uint8Array<ArrayBuffer>
  publicKeyDer: Uint8Array<ArrayBuffer>
}): Promise<Uint8Array> {
  const keys = {
    privateKey: await crypto.subtle.importKey('pkcs8', privateKeyDer, EC, false, ['sign']),
    publicKey: await crypto.subtle.importKey('spki', publicKeyDer, EC, true, ['verify']),
  }
  const csr = await x509.Pkcs10CertificateRequestGenerator.create({ name: 'CN=bramble-node', keys, signingAlgorithm: EC })
  return new Uint8Array(csr.rawData)
}

parentPort!.postMessage(await request(workerData))
