const TYPES = /^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)|sk-ssh-ed25519@openssh\.com|sk-ecdsa-sha2-nistp256@openssh\.com)$/

/** The public keys of a file, or of an option's text: one per line, empty lines and comments left out. */
export const sshKeyLines = (text: string): readonly string[] =>
  text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))

/** Why a line is no OpenSSH public key. */
export function sshKeyProblem(line: string): string | undefined {
  if (line.includes('PRIVATE KEY')) return 'is a private key, which must not leave this machine; give the file that ends with .pub'
  const [type = '', blob = ''] = line.split(/\s+/)
  if (!TYPES.test(type)) return 'is no OpenSSH public key; it begins with ssh-ed25519, ssh-rsa or ecdsa-sha2-…'
  const bytes = Buffer.from(blob, 'base64')
  const named = bytes.length > 4 ? bytes.subarray(4, 4 + bytes.readUInt32BE(0)).toString('latin1') : ''
  if (!/^[A-Za-z0-9+/]+=*$/.test(blob) || named !== type) return 'is damaged: was it copied whole, on one line?'
  return undefined
}

/** The key with a comment that can stand in any file: what is not plain ASCII, and quotes, left out. */
export function plainSshKey(line: string): string {
  const [type, blob, ...comment] = line.split(/\s+/)
  const plain = comment
    .join(' ')
    .replace(/[^\x20-\x7e]|['"`\\$]/g, '')
    .trim()
  return [type, blob, plain].filter((part) => part !== '').join(' ')
}
