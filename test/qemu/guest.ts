import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const exec = promisify(execFile)

/** The way into a guest that a person has: SSH with the key that was flashed. */
export class Guest {
  readonly #key: string
  readonly #port: number
  readonly #user: string

  constructor(key: string, port: number, user: string) {
    this.#key = key
    this.#port = port
    this.#user = user
  }

  /** A fresh pair of keys. @returns path of the private one, and the public one's text. */
  static async keys(folder: string): Promise<{ readonly path: string; readonly publicKey: string }> {
    const path = join(folder, 'id_ed25519')
    await exec('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'test', '-f', path])
    return { path, publicKey: (await readFile(`${path}.pub`, 'utf8')).trim() }
  }

  /** Runs a line of shell as root. @throws Error when it fails. */
  async run(line: string): Promise<string> {
    const options = [
      'StrictHostKeyChecking=no',
      'UserKnownHostsFile=/dev/null',
      'LogLevel=ERROR',
      'ConnectTimeout=30',
      'IdentitiesOnly=yes',
    ]
    const args = ['-i', this.#key, '-p', `${this.#port}`, ...options.flatMap((option) => ['-o', option]), `${this.#user}@127.0.0.1`]
    const { stdout } = await exec('ssh', [...args, `sudo sh -c ${quoted(line)}`], { timeout: 120_000 })
    return stdout.trim()
  }
}

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`
