import { createPrivateKey, generateKeyPairSync } from 'node:crypto'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeDurably } from './write-durably.ts'

const FILE = 'service-account.key'

/** A new EC P-256 key, PEM (PKCS #8). */
export const newServiceAccountKey = (): string =>
  generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  }).privateKey

/**
 * The key that signs the tokens of ServiceAccounts, from a file of mode 0600 in `folder`; made at the first use and never
 * replaced: a new one would make every token worthless.
 *
 * @returns PEM (PKCS #8). @throws Error that names the file when it holds something else.
 */
export async function serviceAccountKey(folder: string): Promise<string> {
  const path = join(folder, FILE)
  try {
    const pem = await readFile(path, 'utf8')
    if (createPrivateKey(pem).asymmetricKeyDetails?.namedCurve !== 'prime256v1') throw new Error('not an EC P-256 key')
    return pem
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      throw new Error(`${path} cannot be used: restore it from a backup, or remove it, which makes all tokens of ServiceAccounts invalid`, {
        cause: error,
      })
  }
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const pem = newServiceAccountKey()
  await writeDurably(path, pem, 0o600)
  return pem
}
