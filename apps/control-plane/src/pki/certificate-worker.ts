import 'reflect-metadata'
import * as x509 from '@peculiar/x509'
import type { webcrypto } from 'node:crypto'
import { parentPort, workerData } from 'node:worker_threads'
import type { CertificateOrder } from './certificates.ts'

// Runs in a worker thread that ends after one certificate: the X.509 library costs 30 MB of memory while it is loaded.

const EC = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }

async function sign(order: CertificateOrder): Promise<string> {
  const signingKey = await privateKey(order.issuer?.key ?? order.ownKey!)
  const request = order.csr === undefined ? undefined : await checkedRequest(order.csr)
  const publicKey = request?.publicKey ?? (await x509.PublicKey.create(pemBody(order.publicKey!)))
  const common = {
    serialNumber: order.serialNumber,
    notBefore: new Date(order.notBeforeMs),
    notAfter: new Date(order.notAfterMs),
    signingAlgorithm: EC,
  }
  if (!order.issuer) {
    const certificate = await x509.X509CertificateGenerator.create({
      ...common,
      subject: subjectOf(order),
      issuer: subjectOf(order),
      publicKey,
      signingKey,
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
        await x509.SubjectKeyIdentifierExtension.create(publicKey),
      ],
    })
    return certificate.toString('pem')
  }
  const authority = new x509.X509Certificate(order.issuer.certificate)
  const certificate = await x509.X509CertificateGenerator.create({
    ...common,
    subject: request && order.isAsRequested ? request.subjectName : subjectOf(order),
    issuer: authority.subject,
    publicKey,
    signingKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(
        order.isForKeyEncipherment
          ? x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyEncipherment
          : x509.KeyUsageFlags.digitalSignature,
        true,
      ),
      new x509.ExtendedKeyUsageExtension(
        order.usage === 'server' ? [x509.ExtendedKeyUsage.serverAuth] : [x509.ExtendedKeyUsage.clientAuth],
      ),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(authority.publicKey),
      ...(request && order.isAsRequested ? alternativeNamesOf(request) : alternativeNames(order)),
    ],
  })
  return certificate.toString('pem')
}

/** The request's own signature proves that its sender holds the key. */
async function checkedRequest(der: Uint8Array): Promise<x509.Pkcs10CertificateRequest> {
  const request = new x509.Pkcs10CertificateRequest(Uint8Array.from(der))
  if (!(await request.verify())) throw new Error('the signature of the certificate request is wrong')
  return request
}

const alternativeNames = ({ names, addresses }: CertificateOrder): readonly x509.Extension[] =>
  names.length + addresses.length === 0
    ? []
    : [
        new x509.SubjectAlternativeNameExtension([
          ...names.map((value) => ({ type: 'dns' as const, value })),
          ...addresses.map((value) => ({ type: 'ip' as const, value })),
        ]),
      ]

const SUBJECT_ALTERNATIVE_NAME = '2.5.29.17'

const alternativeNamesOf = ({ extensions }: x509.Pkcs10CertificateRequest): readonly x509.Extension[] =>
  extensions.filter(({ type }) => type === SUBJECT_ALTERNATIVE_NAME)

const subjectOf = ({ commonName, organization }: CertificateOrder): string =>
  new x509.Name([...(organization === undefined ? [] : [{ O: [organization] }]), { CN: [commonName] }]).toString()

const privateKey = (pem: string): Promise<webcrypto.CryptoKey> => crypto.subtle.importKey('pkcs8', pemBody(pem), EC, false, ['sign'])

const pemBody = (pem: string): Uint8Array<ArrayBuffer> => Uint8Array.from(Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64'))

parentPort!.postMessage(await sign(workerData as CertificateOrder))
