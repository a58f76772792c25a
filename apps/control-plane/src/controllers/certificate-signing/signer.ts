/** A client certificate that somebody asked for. */
export interface CertificateWish {
  /** PKCS #10, DER: its key, subject and alternative names are certified. */
  readonly csr: Uint8Array
  readonly durationMs: number
  readonly isForKeyEncipherment: boolean
}

export interface CertificateSigner {
  /** @returns PEM, signed by the cluster's authority. */
  certifyRequest(wish: CertificateWish): Promise<string>
}
